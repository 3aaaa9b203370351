import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, mkdirSync, openSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

/** The processes of one cluster, by name; each leads a process group of its own and has a file with its pid. */
export interface Processes {
  start(name: string, program: string, args: readonly string[], options?: StartOptions): number;
  pidOf(name: string): number | undefined;
  isRunning(name: string): boolean;
  /** Ends the process and its group; returns when it is gone. No effect on one that does not run. */
  stop(name: string, options?: { hard?: boolean }): Promise<void>;
  /** Every thread stands still when it returns. */
  freeze(name: string): Promise<void>;
  thaw(name: string): void;
  /** Resolves when `check` says yes; throws with the end of the process's log when it died or `seconds` are over. */
  until(name: string, seconds: number, check: () => Promise<boolean>): Promise<void>;
  names(): string[];
}

export interface StartOptions {
  readonly environment?: NodeJS.ProcessEnv;
}

const graceMs = 5_000;

/** When the process started, in ticks since boot; undefined where it is dead or a zombie. It tells a process from a later one with its number. */
export const startOf = (pid: number): string | undefined => {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    const [state, ...rest] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return state === "Z" || state === "X" ? undefined : rest[18];
  } catch {
    return undefined;
  }
};

const isStopped = (pid: number): boolean =>
  readdirSync(`/proc/${pid}/task`).every((thread) => / T /.test(stateLine(`/proc/${pid}/task/${thread}/stat`)));

/** A thread that has ended in the meantime stands still. */
const stateLine = (path: string): string => {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return ") T ";
  }
};

const signalGroup = (pid: number, signal: NodeJS.Signals): void => {
  for (const target of [-pid, pid]) {
    try {
      process.kill(target, signal);
    } catch {
      // Gone already.
    }
  }
};

export const createProcesses = (directory: string): Processes => {
  const pids = join(directory, "pids");
  const logs = join(directory, "logs");
  for (const each of [pids, logs]) mkdirSync(each, { recursive: true });
  const running = new Map<string, { child: ChildProcess; start: string | undefined }>();
  const pidOf = (name: string): number | undefined => {
    const own = running.get(name);
    return own?.child.pid !== undefined && startOf(own.child.pid) === own.start ? own.child.pid : undefined;
  };
  const endOfLog = (name: string): string => readFileSync(join(logs, `${name}.log`), "utf8").slice(-2_000);
  return {
    start(name, program, args, options = {}) {
      if (pidOf(name) !== undefined) throw new Error(`${name} runs already`);
      const log = openSync(join(logs, `${name}.log`), "a");
      const child = spawn(program, args, {
        detached: true,
        stdio: ["ignore", log, log],
        cwd: directory,
        env: options.environment ?? process.env,
      });
      closeSync(log);
      // Its absence is seen by whoever waits for it.
      child.on("error", () => undefined);
      if (child.pid === undefined) throw new Error(`${program} could not be started`);
      const start = startOf(child.pid);
      writeFileSync(join(pids, name), `${child.pid} ${start ?? ""}`);
      running.set(name, { child, start });
      return child.pid;
    },
    pidOf,
    isRunning: (name) => pidOf(name) !== undefined,
    async stop(name, { hard = false } = {}) {
      const pid = pidOf(name);
      if (pid !== undefined) await endGroup(pid, hard);
      running.delete(name);
      rmSync(join(pids, name), { force: true });
    },
    async freeze(name) {
      const pid = pidOf(name);
      if (pid === undefined) throw new Error(`${name} does not run`);
      process.kill(pid, "SIGSTOP");
      while (startOf(pid) !== undefined && !isStopped(pid)) await sleep(5);
    },
    thaw(name) {
      const pid = pidOf(name);
      if (pid !== undefined) process.kill(pid, "SIGCONT");
    },
    async until(name, seconds, check) {
      const end = performance.now() + seconds * 1_000;
      while (!(await check().catch(() => false))) {
        if (pidOf(name) === undefined) throw new Error(`${name} died:\n${endOfLog(name)}`);
        if (performance.now() > end) throw new Error(`${name} was not ready in ${seconds} s:\n${endOfLog(name)}`);
        await sleep(50);
      }
    },
    names: () => [...running.keys()],
  };
};

const endGroup = async (pid: number, hard: boolean): Promise<void> => {
  const start = startOf(pid);
  if (!hard) {
    signalGroup(pid, "SIGTERM");
    signalGroup(pid, "SIGCONT");
  }
  const end = performance.now() + graceMs;
  while (!hard && startOf(pid) === start && performance.now() < end) await sleep(20);
  signalGroup(pid, "SIGKILL");
  while (start !== undefined && startOf(pid) === start) await sleep(20);
};

/** Ends what a cluster left whose keeper is gone, told by the files with its pids. */
export const endAbandoned = async (directory: string): Promise<void> => {
  const pids = join(directory, "pids");
  let names: string[] = [];
  try {
    names = readdirSync(pids);
  } catch {
    return;
  }
  for (const name of names) {
    const [pid, start] = readFileSync(join(pids, name), "utf8").split(" ");
    if (start !== undefined && start !== "" && startOf(Number(pid)) === start) await endGroup(Number(pid), true);
  }
};
