import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, openSync, readSync, renameSync, statSync } from "node:fs";
import { redact } from "@portolan/kit";

export interface ChildSettings {
  name: string;
  /** Path of its `main.ts`. */
  script: string;
  cwd: string;
  /** The whole environment; secrets go here, never into arguments. */
  env: { readonly [name: string]: string };
  logFile: string;
  /** One short line an event. */
  log: (line: string) => void;
  /** How long the first start may take; 60 s unless told. */
  readyTimeoutMs?: number;
  /** Pause before the first restart; doubles up to 30 s, and begins anew after a minute of running. 250 ms unless told. */
  firstPauseMs?: number;
}

export interface StopOptions {
  graceMs: number;
  /** Sent over IPC instead of SIGTERM. */
  message?: { readonly type: string; readonly nodes: boolean };
}

export interface Child {
  /** Resolves when it has said `{ ready: true }`; then it is started again whenever it ends. */
  start(): Promise<{ port?: number }>;
  /** Asks it to end, kills it after the grace. True when it ended by itself. */
  stop(options: StopOptions): Promise<boolean>;
  /** Ends it at once. */
  kill(): void;
  readonly pid: number | undefined;
}

/** It ended, or said nothing, before it was ready. `tail` is what it wrote last. */
export class ChildFailure extends Error {
  readonly tail: string;
  readonly hint: string;
  constructor(message: string, logFile: string, from: number) {
    super(message);
    this.name = "ChildFailure";
    this.tail = tailOf(logFile, from);
    this.hint = `Its log is ${logFile}.`;
  }
}

const longestPauseMs = 30_000;
const calmMs = 60_000;
const maxLogBytes = 20_000_000;

/**
 * One process of the plane: spawned with IPC in a session of its own (a Ctrl-C at the terminal reaches the supervisor
 * only, which stops in order), its output straight into a file (which outlives us), restarted with back-off.
 */
export const createChild = (settings: ChildSettings): Child => {
  const { name, log } = settings;
  let running: ChildProcess | undefined;
  let isStopping = false;
  let pauseMs = settings.firstPauseMs ?? 250;
  let restart: NodeJS.Timeout | undefined;

  const launch = (onReady: (message: { port?: number }) => void, onExit: (how: string) => void): number => {
    rotate(settings.logFile);
    const from = sizeOf(settings.logFile);
    const output = openSync(settings.logFile, "a", 0o600);
    try {
      const child = spawn(process.execPath, [settings.script], {
        cwd: settings.cwd,
        detached: true,
        env: { ...settings.env },
        stdio: ["ignore", output, output, "ipc"],
      });
      running = child;
      child.on("message", (message) => {
        if (isReady(message)) onReady(typeof message.port === "number" ? { port: message.port } : {});
      });
      let hasEnded = false;
      const end = (how: string): void => {
        if (hasEnded) return;
        hasEnded = true;
        if (running === child) running = undefined;
        onExit(how);
      };
      child.once("error", (error) => end(error.message));
      child.once("exit", (code, signal) => end(signal ?? `code ${code}`));
    } finally {
      closeSync(output);
    }
    return from;
  };

  const comeBack = (): void => {
    const startedAt = performance.now();
    launch(
      () => log(`${name} runs again (pid ${running?.pid})`),
      (how) => onUnexpectedEnd(how, startedAt),
    );
  };

  const onUnexpectedEnd = (how: string, startedAt: number): void => {
    if (isStopping) return;
    if (performance.now() - startedAt > calmMs) pauseMs = settings.firstPauseMs ?? 250;
    log(`${name} ended (${how}); starting it again in ${pauseMs} ms; its log is ${settings.logFile}`);
    restart = setTimeout(comeBack, pauseMs);
    pauseMs = Math.min(pauseMs * 2, longestPauseMs);
  };

  const start = (): Promise<{ port?: number }> =>
    new Promise((resolve, reject) => {
      const startedAt = performance.now();
      let isUp = false;
      const from = launch(
        (message) => {
          isUp = true;
          clearTimeout(timer);
          resolve(message);
        },
        (how) => {
          clearTimeout(timer);
          if (isUp) return onUnexpectedEnd(how, startedAt);
          reject(new ChildFailure(`${name} did not start (${how}).`, settings.logFile, from));
        },
      );
      const timeoutMs = settings.readyTimeoutMs ?? 60_000;
      const timer = setTimeout(() => {
        isStopping = true;
        reject(new ChildFailure(`${name} was not ready within ${timeoutMs / 1000} s.`, settings.logFile, from));
      }, timeoutMs);
    });

  const stop = async ({ graceMs, message }: StopOptions): Promise<boolean> => {
    isStopping = true;
    clearTimeout(restart);
    const child = running;
    if (child === undefined) return true;
    const ended = new Promise<void>((resolve) => child.once("exit", () => resolve()));
    if (child.exitCode !== null || child.signalCode !== null) return true;
    if (message !== undefined && child.connected) child.send(message, () => undefined);
    else child.kill("SIGTERM");
    let isKilled = false;
    const timer = setTimeout(() => {
      isKilled = true;
      child.kill("SIGKILL");
    }, graceMs);
    await ended;
    clearTimeout(timer);
    return !isKilled && child.signalCode !== "SIGKILL";
  };

  return {
    start,
    stop,
    kill: () => running?.kill("SIGKILL"),
    get pid() {
      return running?.pid;
    },
  };
};

const isReady = (message: unknown): message is { ready: true; port?: unknown } =>
  typeof message === "object" && message !== null && "ready" in message && message.ready === true;

const sizeOf = (path: string): number => {
  try {
    return statSync(path).size;
  } catch {
    return 0;
  }
};

/** Keeps one former log. Only between runs: a running child holds the file itself. */
const rotate = (path: string): void => {
  if (sizeOf(path) > maxLogBytes) renameSync(path, `${path}.1`);
};

const tailBytes = 4_000;

/** The last lines that were written since `from`, without secrets. */
const tailOf = (path: string, from: number): string => {
  const size = sizeOf(path);
  const start = Math.max(from, size - tailBytes);
  if (size <= start) return "";
  const file = openSync(path, "r");
  try {
    const buffer = Buffer.alloc(size - start);
    readSync(file, buffer, 0, buffer.length, start);
    const lines = redact(buffer.toString("utf8")).split("\n");
    return lines
      .filter((line) => line.trim() !== "" && !/^\s+at /.test(line))
      .slice(-12)
      .join("\n");
  } finally {
    closeSync(file);
  }
};
