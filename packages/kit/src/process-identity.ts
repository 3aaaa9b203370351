import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";

/** A process that can't be mistaken for a later one with the same number. */
export interface ProcessIdentity {
  pid: number;
  /** When it started, in the system's own words; "" where the system does not say. */
  startedAt: string;
}

const read = (path: string): string => {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
};

/** Boot id and clock ticks on Linux, `ps`' start time elsewhere; undefined when there is no such process. */
export const startOf = (pid: number): string | undefined => {
  if (process.platform === "linux") {
    const text = read(`/proc/${pid}/stat`);
    if (text === "") return undefined;
    // proc(5): the second field is the program's name in brackets and may hold anything; 20 fields after it is the start.
    const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
    if (fields[0] === "Z" || fields[0] === "X") return undefined;
    return `${read("/proc/sys/kernel/random/boot_id").trim()}:${fields[19] ?? ""}`;
  }
  if (process.platform === "win32") return isAlive(pid) ? "" : undefined;
  try {
    return execFileSync("ps", ["-o", "lstart=", "-p", String(pid)], { encoding: "utf8" }).trim() || undefined;
  } catch {
    return undefined;
  }
};

export const identify = (pid: number): ProcessIdentity => ({ pid, startedAt: startOf(pid) ?? "" });

/** Whether that very process still runs. */
export const isSame = ({ pid, startedAt }: ProcessIdentity): boolean => startOf(pid) === startedAt;

export const isAlive = (pid: number): boolean => {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error instanceof Error && "code" in error && error.code === "EPERM";
  }
};
