import type { EventEmitter } from "node:events";
import type { Logger, Metrics } from "@portolan/kit";

/** What is written towards a caller: a connection, or a call's stream on one. */
export interface Outlet extends Pick<EventEmitter, "once"> {
  /** Bytes that were written and that the caller has not taken. */
  readonly writableLength: number;
  /** Bytes that were written in all, where it is known. */
  readonly bytesWritten?: number;
}

/** Keeps the bytes that callers don't read below a budget of the whole process, by cutting callers. */
export interface UnreadBytes {
  /** Counts what waits in it until it closes. `cut` ends it at once. More than once does no harm. */
  watch(outlet: Outlet, cut: () => void): void;
  /** So much was written to what is watched. */
  wrote(sizeBytes: number): void;
  /** So much waits for its turn on a connection, behind other answers. */
  queue(outlet: Outlet, sizeBytes: number): void;
  /** As much of it as this was written now. */
  unqueue(outlet: Outlet, sizeBytes: number): void;
  close(): void;
}

interface Watched {
  outlet: Outlet;
  cut(): void;
  queuedBytes: number;
  heldBytes: number;
  takenBytes: number;
  /** Monotonic milliseconds since when it holds bytes of which none was taken. */
  sinceMs: number;
}

/** When callers are cut, it is until this share of the budget is held, so that the next look is not the next answer. */
const lowWater = 7 / 8;
const lookMs = 500;

/**
 * Costs a call an addition: connections are looked at on a timer, and when what was written since could be over the
 * budget. Over it, who has taken nothing for longest goes first; of two alike, who holds more.
 */
export const createUnreadBytes = (deps: {
  budgetBytes: number;
  metrics: Pick<Metrics, "counter" | "gauge">;
  log: Pick<Logger, "warn">;
  /** Monotonic milliseconds. */
  now?: () => number;
}): UnreadBytes => {
  const { budgetBytes, metrics, log, now = () => performance.now() } = deps;
  const watched = new Map<Outlet, Watched>();
  const held = metrics.gauge("portolan_gateway_unread_bytes", "Bytes of answers that callers have not read.");
  const cuts = metrics.counter("portolan_gateway_slow_callers_cut_total", "Callers cut because they did not read.");
  let heldBytes = 0;
  let writtenBytes = 0;

  const measure = (item: Watched, nowMs: number): number => {
    const { outlet } = item;
    const waiting = outlet.writableLength;
    const before = item.heldBytes;
    item.heldBytes = waiting + item.queuedBytes;
    if (item.heldBytes === 0) return 0;
    // A stream says only what waits: it was read if that is less.
    const taken = outlet.bytesWritten === undefined ? -waiting : outlet.bytesWritten - waiting;
    if (before === 0 || taken > item.takenBytes) item.sinceMs = nowMs;
    item.takenBytes = taken;
    return item.heldBytes;
  };

  const cutSlowest = (nowMs: number): void => {
    const slowest = [...watched.values()]
      .filter((item) => item.heldBytes > 0)
      .sort((one, other) => one.sinceMs - other.sinceMs || other.heldBytes - one.heldBytes);
    const before = heldBytes;
    let count = 0;
    for (const item of slowest) {
      if (heldBytes <= budgetBytes * lowWater) break;
      watched.delete(item.outlet);
      heldBytes -= item.heldBytes;
      count += 1;
      item.cut();
    }
    cuts.add({}, count);
    const longestMs = Math.round(nowMs - (slowest[0]?.sinceMs ?? nowMs));
    log.warn(
      { heldBytes: before, freedBytes: before - heldBytes, budgetBytes, callers: count, longestMs },
      "answers that nobody reads fill their memory: the callers that read slowest were cut",
    );
  };

  const look = (): void => {
    const nowMs = now();
    writtenBytes = 0;
    heldBytes = 0;
    for (const item of watched.values()) heldBytes += measure(item, nowMs);
    if (heldBytes > budgetBytes) cutSlowest(nowMs);
    held.set(heldBytes);
  };
  const timer = setInterval(look, lookMs);
  timer.unref();

  return {
    watch: (outlet, cut) => {
      if (watched.has(outlet)) return;
      watched.set(outlet, { outlet, cut, queuedBytes: 0, heldBytes: 0, takenBytes: -Infinity, sinceMs: 0 });
      outlet.once("close", () => watched.delete(outlet));
    },
    wrote: (sizeBytes) => {
      writtenBytes += sizeBytes;
      if (heldBytes + writtenBytes > budgetBytes) look();
    },
    queue: (outlet, sizeBytes) => {
      const item = watched.get(outlet);
      if (item !== undefined) item.queuedBytes += sizeBytes;
    },
    unqueue: (outlet, sizeBytes) => {
      const item = watched.get(outlet);
      if (item !== undefined) item.queuedBytes -= sizeBytes;
    },
    close: () => clearInterval(timer),
  };
};
