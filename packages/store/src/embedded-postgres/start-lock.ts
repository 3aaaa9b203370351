import { execFile } from "node:child_process";
import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import { errorCode, PostgresProblem, toFileProblem } from "./postgres-problem.ts";

const run = promisify(execFile);

/**
 * Lets one starter at a time work on a data directory. A lock whose process is dead is taken over; a pid that was given
 * to another process since then is told by its start time.
 * @throws PostgresProblem `postgres.alreadyStarting` when another holds it for `waitMs`.
 */
export async function withStartLock<T>(path: string, work: () => Promise<T>, waitMs = 30_000): Promise<T> {
  await mkdir(dirname(path), { recursive: true, mode: process.getuid?.() === 0 ? 0o711 : 0o700 }).catch((error) => {
    throw toFileProblem(error, dirname(path));
  });
  const deadline = Date.now() + waitMs;
  while (!(await take(path))) {
    const holder = await readFile(path, "utf8").catch(() => "");
    const pid = Number.parseInt(holder, 10);
    // An empty file is a lock that is being written this very moment, unless it stays empty.
    if (holder !== "" && (await describe(pid)) !== holder) await rm(path, { force: true });
    else if (Date.now() > deadline) {
      throw new PostgresProblem(
        "postgres.alreadyStarting",
        `Another Portolan (pid ${pid}) is starting Postgres in the same place.`,
        `Wait for it, or stop it. If it does not exist any more, delete ${path}.`,
        { retryable: true },
      );
    }
    await sleep(20);
  }
  try {
    return await work();
  } finally {
    await rm(path, { force: true });
  }
}

async function take(path: string): Promise<boolean> {
  try {
    await writeFile(path, await describe(process.pid), { flag: "wx", mode: 0o600 });
    return true;
  } catch (error) {
    if (errorCode(error) === "EEXIST") return false;
    throw toFileProblem(error, dirname(path));
  }
}

/** Pid and start time of a process: the same text twice means the same process. */
async function describe(pid: number): Promise<string> {
  if (!Number.isSafeInteger(pid) || pid <= 0) return "";
  if (process.platform === "linux") {
    const stat = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => "");
    // The command name, in brackets, may hold spaces; the start time is the 22nd field (proc(5)).
    const startTicks = stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19];
    const boot = await readFile("/proc/sys/kernel/random/boot_id", "utf8").catch(() => "");
    return startTicks === undefined ? "" : `${pid} ${startTicks} ${boot.trim()}`;
  }
  const { stdout } = await run("ps", ["-p", String(pid), "-o", "lstart="]).catch(() => ({ stdout: "" }));
  return stdout.trim() === "" ? "" : `${pid} ${stdout.trim()}`;
}
