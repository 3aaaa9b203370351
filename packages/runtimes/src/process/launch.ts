import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, writeFileSync } from "node:fs";
import { hasErrorCode } from "@portolan/kit";
import { NodeFailure } from "../node-failure.ts";
import { toFailure } from "./failure.ts";
import type { ProcessIdentity, ProcessTable } from "./process-table.ts";
import type { RunUser } from "./run-user.ts";

export interface Exit {
  code: number | null;
  signal: string | null;
  at: number;
}

export interface LaunchRequest {
  path: string;
  args: string[];
  env: { [name: string]: string };
  cwd: string;
  /** An open log file; closed here. */
  logFd: number;
  user: RunUser | undefined;
}

export interface Launched {
  identity: ProcessIdentity;
  exited: Promise<Exit>;
}

/** Throws a `NodeFailure` when the operating system refuses. */
const identify = (child: ChildProcess, table: ProcessTable): ProcessIdentity | undefined => {
  if (child.pid === undefined) return undefined;
  // A program that ended at once is a zombie until the event loop turns: it has no start time any more.
  return { pid: child.pid, startTime: table.startTimeOf(child.pid) ?? "ended", bootId: table.bootId() };
};

/** Of -1000 to 1000; proc_pid_oom_score_adj(5). */
const oomScore = 500;

/** So that the kernel takes a node before the plane when memory runs out. Raising it needs no privilege. */
const offerToKernel = (pid: number): void => {
  if (process.platform !== "linux") return;
  try {
    writeFileSync(`/proc/${pid}/oom_score_adj`, String(oomScore));
  } catch {
    // It has ended, or the system has no such thing: the node runs all the same.
  }
};

/**
 * Starts a program in a session of its own, its output going straight into a file: it outlives the worker, and
 * nothing of the worker's (descriptors, environment, terminal) goes with it.
 */
export const launch = async (request: LaunchRequest, table: ProcessTable): Promise<Launched> => {
  let child: ChildProcess;
  try {
    child = spawn(request.path, request.args, {
      cwd: request.cwd,
      env: request.env,
      detached: true,
      stdio: ["ignore", request.logFd, request.logFd],
      ...(request.user ? { uid: request.user.uid, gid: request.user.gid } : {}),
    });
  } finally {
    closeSync(request.logFd);
  }
  const exited = new Promise<Exit>((resolve) => {
    child.once("exit", (code, signal) => resolve({ code, signal, at: Date.now() }));
  });
  const identity = identify(child, table);
  if (identity === undefined) {
    const error = await new Promise<Error>((resolve) => child.once("error", resolve));
    if (hasErrorCode(error, "ENOENT")) {
      throw new NodeFailure({
        reason: "program_missing",
        message: "The node's program can't be started: the file, or its interpreter, is not there.",
        hint: "Install it again for this machine's system and processor.",
      });
    }
    throw new NodeFailure(toFailure(error));
  }
  offerToKernel(identity.pid);
  child.on("error", () => undefined);
  child.unref();
  return { identity, exited };
};

/** Sends a signal to exactly this process; false when it is gone. */
export const signalProcess = (identity: ProcessIdentity, signal: NodeJS.Signals, table: ProcessTable): boolean => {
  if (!table.isAlive(identity)) return false;
  try {
    process.kill(identity.pid, signal);
    return true;
  } catch {
    return false;
  }
};
