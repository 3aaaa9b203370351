import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";

/** Enough to tell a process from a later one with the same number. */
export interface ProcessIdentity {
  pid: number;
  /** Linux: field 22 of /proc/<pid>/stat (ticks since boot); elsewhere what `ps -o lstart` prints. */
  startTime: string;
  bootId: string;
}

/** A running program that carries our label. */
export interface LabelledProcess extends ProcessIdentity {
  placementId: string;
  node: string;
  process: string;
  incarnation: number;
}

export const labelVariable = "PORTOLAN_INSTANCE";
/** The home, so that two installations on one machine don't take each other's programs. */
export const homeVariable = "PORTOLAN_HOME_DIR";

export interface ProcessTable {
  bootId(): string;
  /** Undefined when there is no such process, or only its zombie. */
  startTimeOf(pid: number): string | undefined;
  isAlive(identity: ProcessIdentity): boolean;
  /** Leaders of sessions that carry a label of this home. */
  scan(home: string): LabelledProcess[];
  /** Kills what a program of ours left behind in its session. */
  killRemains(identity: ProcessIdentity, home: string): void;
}

const linuxBootId = (): string => {
  try {
    return readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
  } catch {
    return "unknown";
  }
};

/** Fields of /proc/<pid>/stat after the command's name, which may itself hold blanks and brackets. */
const linuxStat = (pid: number): { isGone: boolean; session: number; startTime: string } | undefined => {
  let text: string;
  try {
    text = readFileSync(`/proc/${pid}/stat`, "utf8");
  } catch {
    return undefined;
  }
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
  // proc_pid_stat(5): state is field 3, session 6, num_threads 20, starttime 22; the first here is field 3.
  const [state = "X"] = fields;
  // A zombie whose other threads are still ending holds its sockets and locks: it is not gone yet.
  const isGone = state === "X" || (state === "Z" && Number(fields[17]) <= 1);
  return { isGone, session: Number(fields[3]), startTime: fields[19] ?? "" };
};

const ps = (args: string[]): string => {
  try {
    return execFileSync("/bin/ps", args, {
      encoding: "utf8",
      stdio: ["ignore", "pipe", "ignore"],
      maxBuffer: 64 << 20,
    });
  } catch {
    return "";
  }
};

const parseLabel = (
  label: string,
): Pick<LabelledProcess, "placementId" | "node" | "process" | "incarnation"> | undefined => {
  const [placementId, node, process, incarnation, ...rest] = label.split("/");
  if (!placementId || !node || !process || !incarnation || rest.length > 0) return undefined;
  return { placementId, node, process, incarnation: Number(incarnation) };
};

const variableOf = (environment: readonly string[], name: string): string | undefined =>
  environment.find((entry) => entry.startsWith(`${name}=`))?.slice(name.length + 1);

/** Environment of each process that carries a label of this home; of the others nothing is kept. */
const labelledLinux = (home: string): { pid: number; label: string }[] => {
  const found: { pid: number; label: string }[] = [];
  for (const entry of readdirSync("/proc")) {
    const pid = Number(entry);
    if (!Number.isInteger(pid)) continue;
    let text: string;
    try {
      text = readFileSync(`/proc/${pid}/environ`, "utf8");
    } catch {
      continue; // Gone, or another user's.
    }
    if (!text.includes(labelVariable)) continue;
    const environment = text.split("\0");
    const label = variableOf(environment, labelVariable);
    if (label !== undefined && variableOf(environment, homeVariable) === home) found.push({ pid, label });
  }
  return found;
};

const scanLinux = (home: string, bootId: string): LabelledProcess[] =>
  labelledLinux(home).flatMap(({ pid, label: text }) => {
    const label = parseLabel(text);
    const stat = linuxStat(pid);
    // A program's own children inherit the label; only the leader of the session is the program we started.
    if (!label || !stat || stat.isGone || stat.session !== pid) return [];
    return [{ ...label, pid, startTime: stat.startTime, bootId }];
  });

const killLinuxRemains = (identity: ProcessIdentity, home: string): void => {
  for (const { pid } of labelledLinux(home)) {
    if (linuxStat(pid)?.session === identity.pid) kill(pid);
  }
};

const kill = (pid: number): void => {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // It went by itself.
  }
};

const scanByPs = (home: string, bootId: string, startTimeOf: ProcessTable["startTimeOf"]): LabelledProcess[] => {
  const found: LabelledProcess[] = [];
  for (const line of ps(["-A", "-E", "-ww", "-o", "pid=,pgid=,command="]).split("\n")) {
    const [pid, group, ...words] = line.trim().split(/\s+/);
    if (!pid || pid !== group || variableOf(words, homeVariable) !== home) continue;
    const label = parseLabel(variableOf(words, labelVariable) ?? "");
    const startTime = startTimeOf(Number(pid));
    if (label && startTime) found.push({ ...label, pid: Number(pid), startTime, bootId });
  }
  return found;
};

/** The machine's processes: from /proc on Linux, from `ps` elsewhere. */
export const createProcessTable = (): ProcessTable => {
  const isLinux = process.platform === "linux";
  let knownBootId: string | undefined;
  const bootId = (): string => {
    knownBootId ??= isLinux ? linuxBootId() : ps(["-o", "lstart=", "-p", "1"]).trim();
    return knownBootId;
  };
  const startTimeOf = (pid: number): string | undefined => {
    if (!isLinux) return ps(["-o", "lstart=", "-p", String(pid)]).trim() || undefined;
    const stat = linuxStat(pid);
    return stat === undefined || stat.isGone ? undefined : stat.startTime;
  };
  return {
    bootId,
    startTimeOf,
    isAlive: (identity) => identity.bootId === bootId() && startTimeOf(identity.pid) === identity.startTime,
    // Elsewhere the group is all there is to go by; its number can't be another's while a member lives.
    killRemains: (identity, home) => (isLinux ? killLinuxRemains(identity, home) : kill(-identity.pid)),
    scan: (home) => (isLinux ? scanLinux(home, bootId()) : scanByPs(home, bootId(), startTimeOf)),
  };
};
