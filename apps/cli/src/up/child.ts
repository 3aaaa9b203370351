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
  /** How long the first start may take, further tries included; 60 s unless told. */
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
  /**
   * Resolves when it has said `{ ready: true }`; then it is started again whenever it ends. One that ends before is
   * tried a few times more, unless it says that its settings are wrong or its port is taken.
   */
  start(): Promise<{ port?: number }>;
  /** Asks it to end, kills it after the grace. True when it ended by itself. */
  stop(options: StopOptions): Promise<boolean>;
  /** Ends it at once and for good. */
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
/** With pauses that double from 250 ms, what ends at once is given up after some eight seconds. */
const maxStartAttempts = 6;

/** Nothing that a further try would change. */
const isPermanent = (tail: string): boolean =>
  /environment is not usable|EADDRINUSE|EACCES|ERR_MODULE_NOT_FOUND|SyntaxError/.test(tail);

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
  /** Fails a start that is under way. */
  let abandon: (() => void) | undefined;

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
      const timeoutMs = settings.readyTimeoutMs ?? 60_000;
      let attempt = 0;
      let from = 0;
      const fail = (how: string): void => {
        clearTimeout(timer);
        clearTimeout(restart);
        abandon = undefined;
        reject(new ChildFailure(`${name} ${how}.`, settings.logFile, from));
      };
      const timer = setTimeout(() => {
        isStopping = true;
        fail(`was not ready within ${timeoutMs / 1000} s`);
      }, timeoutMs);
      abandon = () => fail("was stopped before it was ready");
      const onEarlyEnd = (how: string): void => {
        if (abandon === undefined) return;
        const isHopeless = attempt >= maxStartAttempts || isPermanent(tailOf(settings.logFile, from));
        if (isStopping || isHopeless) {
          fail(`did not start (${how})`);
          return;
        }
        // After a crash of everything, what it needs may still be busy with coming back.
        log(`${name} did not start (${how}); trying again in ${pauseMs} ms; its log is ${settings.logFile}`);
        restart = setTimeout(tryOnce, pauseMs);
        pauseMs = Math.min(pauseMs * 2, longestPauseMs);
      };
      const tryOnce = (): void => {
        attempt += 1;
        const startedAt = performance.now();
        let isUp = false;
        from = launch(
          (message) => {
            isUp = true;
            clearTimeout(timer);
            abandon = undefined;
            pauseMs = settings.firstPauseMs ?? 250;
            resolve(message);
          },
          (how) => (isUp ? onUnexpectedEnd(how, startedAt) : onEarlyEnd(how)),
        );
      };
      tryOnce();
    });

  const stop = async ({ graceMs, message }: StopOptions): Promise<boolean> => {
    isStopping = true;
    clearTimeout(restart);
    const child = running;
    if (child === undefined) {
      abandon?.();
      return true;
    }
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
    kill: () => {
      isStopping = true;
      clearTimeout(restart);
      if (running === undefined) abandon?.();
      else running.kill("SIGKILL");
    },
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
