export interface Stop {
  /** Aborted by the first signal. */
  readonly signal: AbortSignal;
  readonly whenFirst: Promise<void>;
  /** Called for each further signal. */
  onSecond: () => void;
  dispose(): void;
}

const names = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/**
 * Nobody presses twice within this time. One stop of a process group arrives more than once, though: from the group
 * itself, from npm, and from the script that npm calls, which each pass on what they got.
 */
const sameWithinMs = 1_000;

/** The first signal asks to stop, each further one, a second or more later, to hurry. `now`: monotonic milliseconds. */
export const listenForStop = (
  log: (line: string) => void,
  source: Pick<NodeJS.EventEmitter, "on" | "off"> = process,
  now: () => number = () => performance.now(),
): Stop => {
  const controller = new AbortController();
  let firstAt = 0;
  let announce: () => void = () => undefined;
  const whenFirst = new Promise<void>((resolve) => {
    announce = resolve;
  });
  const listener = (name: NodeJS.Signals): void => {
    if (controller.signal.aborted) {
      if (now() - firstAt < sameWithinMs) return;
      log("Hurrying.");
      stop.onSecond();
      return;
    }
    firstAt = now();
    log(`Stopping (${name})… once more to hurry`);
    controller.abort(new Error("stopped"));
    announce();
  };
  const stop: Stop = {
    signal: controller.signal,
    whenFirst,
    onSecond: () => undefined,
    dispose: () => {
      for (const name of names) source.off(name, listener);
    },
  };
  for (const name of names) source.on(name, listener);
  return stop;
};
