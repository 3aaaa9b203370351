import type { Logger } from "@portolan/kit";
import type { Spool } from "./spool.ts";
import type { UsageDelta, UsageSeries } from "./usage-series.ts";

/** A handle to count with; ask once, keep it. */
export interface MeterSeries extends UsageDelta {
  isDirty: boolean;
}

/** What waits for the end of the turn: an answer to a client, a chunk of a stream. */
export interface Settleable {
  /** `false`: the turn could not be recorded; the answer must not leave as it is. */
  settle(isRecorded: boolean): void;
}

export interface Meter {
  series(series: UsageSeries): MeterSeries;
  /** Counts in this turn. Follow with `afterTurn` for what must wait for the record. */
  add(series: MeterSeries, quantity: number, count: number): void;
  afterTurn(answer: Settleable): void;
  /** `false` while the spool can't be written: refuse calls rather than serve them unmetered. */
  readonly isAccepting: boolean;
  /** Stops or allows accepting from outside (the spool's bound is reached). */
  setBlocked(isBlocked: boolean): void;
  /** Tries the spool again after a failure; called on a timer. */
  probe(): void;
  /** Ends the turn now. */
  flush(): void;
}

export interface MeterDeps {
  spool: Pick<Spool, "append" | "probe">;
  log: Pick<Logger, "error" | "info">;
  /** Runs a callback at the end of the event-loop turn; `setImmediate` unless told. */
  defer?: (flush: () => void) => void;
}

/**
 * Promise 8: the records of an event-loop turn are in the spool before their answers leave. Counts of a turn are
 * summed per series, written with one append, and then all answers of the turn go out.
 */
export const createMeter = ({ spool, log, defer = setImmediate }: MeterDeps): Meter => {
  let dirty: MeterSeries[] = [];
  let answers: Settleable[] = [];
  let isDeferred = false;
  let isBroken = false;
  let isBlocked = false;

  const attempt = (write: () => void): boolean => {
    try {
      write();
      if (isBroken) log.info("the usage spool can be written again");
      isBroken = false;
      return true;
    } catch (err) {
      if (!isBroken) log.error({ err }, "the usage spool can't be written: calls are refused until it can");
      isBroken = true;
      return false;
    }
  };
  const flush = (): void => {
    isDeferred = false;
    const deltas = dirty;
    const held = answers;
    dirty = [];
    answers = [];
    const isRecorded = deltas.length === 0 || attempt(() => spool.append(deltas));
    for (const series of deltas) {
      series.isDirty = false;
      series.quantity = 0;
      series.count = 0;
    }
    for (const answer of held) {
      try {
        answer.settle(isRecorded);
      } catch (err) {
        log.error({ err }, "an answer could not be written");
      }
    }
  };
  const schedule = (): void => {
    if (isDeferred) return;
    isDeferred = true;
    defer(flush);
  };

  return {
    series: (series) => ({
      json: JSON.stringify(series),
      quantity: 0,
      count: 0,
      isDirty: false,
    }),
    add: (series, quantity, count) => {
      if (!series.isDirty) {
        series.isDirty = true;
        dirty.push(series);
        schedule();
      }
      series.quantity += quantity;
      series.count += count;
    },
    afterTurn: (answer) => {
      answers.push(answer);
      schedule();
    },
    get isAccepting() {
      return !isBroken && !isBlocked;
    },
    setBlocked: (value) => {
      isBlocked = value;
    },
    probe: () => {
      if (isBroken) attempt(spool.probe);
    },
    flush,
  };
};
