import { linkSync, readFileSync, unlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** Start time of a process in clock ticks (proc(5), field 22), so that a reused pid is not taken for its owner. */
const startedAt = (pid: number): string => {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    return stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19] ?? "";
  } catch {
    return "";
  }
};

const isAlive = (pid: number): boolean => {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error instanceof Error && "code" in error && error.code === "EPERM";
  }
};

/**
 * Makes this process the only writer of a spool directory. Answers how to let go, or `null` when a living process
 * has it: its segments are not ours to ship yet.
 */
export const acquireLock = (dir: string, pid = process.pid): (() => void) | null => {
  const path = join(dir, "lock");
  const own = `${pid} ${startedAt(pid)}`;
  const draft = join(dir, `lock.${pid}`);
  writeFileSync(draft, own, { mode: 0o600 });
  try {
    for (let attempt = 0; attempt < 3; attempt++) {
      try {
        // A link appears whole or not at all; a plain create could be seen empty.
        linkSync(draft, path);
        return () => {
          try {
            if (readFileSync(path, "utf8") === own) unlinkSync(path);
          } catch {
            // Gone already.
          }
        };
      } catch {
        let held = "";
        try {
          held = readFileSync(path, "utf8");
        } catch {
          continue;
        }
        const [holder = "", holderStart = ""] = held.split(" ");
        const holderPid = Number(holder);
        const isHeld = holderPid > 0 && isAlive(holderPid) && startedAt(holderPid) === holderStart;
        if (isHeld) return null;
        try {
          unlinkSync(path);
        } catch {
          // Somebody else removed it first.
        }
      }
    }
    return null;
  } finally {
    unlinkSync(draft);
  }
};
