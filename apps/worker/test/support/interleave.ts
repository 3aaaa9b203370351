import { Crash, type Gate } from "./intercept.ts";

/** A worker whose every step waits for the scheduler, and which may die between any two. */
export interface SteppedWorker {
  gate: Gate;
  kill(): void;
  isDead(): boolean;
}

/**
 * Lets one waiting step go on at a time, whichever a test picks: the order of everything is the test's, though the
 * database in between is real.
 */
export const createScheduler = () => {
  const waiting: { worker: SteppedWorker; go: () => void }[] = [];
  let active = 0;
  let idle = () => {};

  const settleDown = () => {
    if (active === 0) idle();
  };

  const createWorker = (): SteppedWorker => {
    let isDead = false;
    const worker: SteppedWorker = {
      gate: async (name) => {
        if (isDead) throw new Crash(name);
        await new Promise<void>((go) => {
          waiting.push({ worker, go });
          active -= 1;
          settleDown();
        });
        if (isDead) throw new Crash(name);
      },
      kill: () => {
        isDead = true;
      },
      isDead: () => isDead,
    };
    return worker;
  };

  /** Waits until every pass is at a gate, or over. */
  const quiet = (): Promise<void> =>
    new Promise((resolve) => {
      idle = resolve;
      settleDown();
    });

  return {
    createWorker,
    waiting: () => waiting.length,
    /** Starts a pass; it runs to its first gate. */
    start: async (pass: () => Promise<unknown>, onError: (error: unknown) => void): Promise<void> => {
      active += 1;
      pass()
        .catch(onError)
        .finally(() => {
          active -= 1;
          settleDown();
        });
      await quiet();
    },
    /** Lets the `index`-th waiting step happen. */
    step: async (index: number): Promise<void> => {
      const [next] = waiting.splice(index, 1);
      if (next === undefined) return;
      active += 1;
      next.go();
      await quiet();
    },
  };
};
