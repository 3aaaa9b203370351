import type { Logger } from "./log.ts";

type Close = () => unknown;

/** The part of `process` that a shutdown listens to; a test passes its own. */
export interface ProcessPort {
  on(event: string, listener: (...args: unknown[]) => void): unknown;
  off(event: string, listener: (...args: unknown[]) => void): unknown;
  exit(code: number): void;
  readonly connected?: boolean;
}

export interface ShutdownSettings {
  log: Pick<Logger, "info" | "warn" | "error">;
  /** For everything together; 10 s unless told. */
  timeoutMs?: number;
  /** Shut down when the IPC channel to the parent closes, so that no child outlives a killed supervisor. */
  exitWhenParentDies?: boolean;
  process?: ProcessPort;
}

export interface Shutdown {
  /** Closed in reverse order of registration. `timeoutMs` bounds this one within the whole. */
  register(name: string, close: Close, options?: { timeoutMs?: number }): void;
  /** Closes everything once and exits; later calls wait for the first. Answers the exit code. */
  trigger(reason: string, exitCode?: number): Promise<number>;
  /** Aborted as soon as the shutdown begins. */
  readonly signal: AbortSignal;
  /** Stops listening, for tests and embedding. */
  dispose(): void;
}

interface Entry {
  name: string;
  close: Close;
  timeoutMs?: number;
}

const within = async (close: Close, timeoutMs: number): Promise<"closed" | "late"> => {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<"late">((resolve) => {
    timer = setTimeout(() => resolve("late"), timeoutMs);
  });
  const closed = (async () => {
    await close();
    return "closed" as const;
  })();
  // When the time is up first, a later failure of the same close has nobody waiting for it.
  closed.catch(() => undefined);
  try {
    return await Promise.race([closed, late]);
  } finally {
    clearTimeout(timer);
  }
};

const closeAll = async (entries: readonly Entry[], log: ShutdownSettings["log"], timeoutMs: number) => {
  const endsAt = performance.now() + timeoutMs;
  let isClean = true;
  for (const { name, close, timeoutMs: own = timeoutMs } of entries.toReversed()) {
    const bound = Math.max(0, Math.min(own, endsAt - performance.now()));
    try {
      if ((await within(close, bound)) === "closed") continue;
      log.warn({ name, timeoutMs: Math.round(bound) }, "did not close in time");
    } catch (err) {
      log.error({ name, err }, "failed to close");
    }
    isClean = false;
  }
  return isClean;
};

/**
 * Closes what was registered, last opened first, once, on SIGTERM, SIGINT, an uncaught error or (if asked) the
 * parent's death, then exits: 0 when all closed in time, else 1. Further signals do nothing, because a terminal sends
 * Ctrl-C to the whole group and the supervisor sends SIGTERM besides.
 */
export const createShutdown = ({
  log,
  timeoutMs = 10_000,
  exitWhenParentDies = false,
  process: port = process as ProcessPort,
}: ShutdownSettings): Shutdown => {
  const entries: Entry[] = [];
  const controller = new AbortController();
  let running: Promise<number> | undefined;

  const run = async (reason: string, exitCode: number): Promise<number> => {
    log.info({ reason }, "stopping");
    controller.abort();
    const isClean = await closeAll(entries, log, timeoutMs);
    const code = isClean ? exitCode : exitCode || 1;
    log.info({ reason, code }, "stopped");
    port.exit(code);
    return code;
  };
  const trigger = (reason: string, exitCode = 0): Promise<number> => {
    running ??= run(reason, exitCode);
    return running;
  };
  const onFatal = (kind: string) => (err: unknown) => {
    log.error({ err }, kind);
    void trigger(kind, 1);
  };
  const listeners: [string, (...args: unknown[]) => void][] = [
    ["SIGTERM", () => void trigger("SIGTERM")],
    ["SIGINT", () => void trigger("SIGINT")],
    ["uncaughtException", onFatal("uncaught exception")],
    ["unhandledRejection", onFatal("unhandled rejection")],
  ];
  if (exitWhenParentDies) listeners.push(["disconnect", () => void trigger("parent is gone")]);
  for (const [event, listener] of listeners) port.on(event, listener);
  // The parent may have died before this line ran: the event is gone then, the state is not.
  if (exitWhenParentDies && port.connected === false) queueMicrotask(() => void trigger("parent is gone"));

  return {
    register: (name, close, options) => {
      entries.push({ name, close, ...options });
    },
    trigger,
    signal: controller.signal,
    dispose: () => {
      for (const [event, listener] of listeners) port.off(event, listener);
    },
  };
};
