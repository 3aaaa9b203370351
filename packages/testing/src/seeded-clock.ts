import type { Clock } from "@portolan/domain";

export interface SeededClock extends Clock {
  /** Moves the time on. */
  advance(ms: number): void;
  set(to: Date): void;
}

/** A clock that stands still until it is moved. */
export function seededClock(start: Date | string = "2026-11-23T12:00:00.000Z"): SeededClock {
  let nowMs = new Date(start).getTime();
  return {
    now: () => new Date(nowMs),
    advance: (ms) => {
      nowMs += ms;
    },
    set: (to) => {
      nowMs = to.getTime();
    },
  };
}
