import { DomainError } from "@portolan/domain";

export interface Limiter {
  /** Runs `work` when a place is free, in order of arrival. Throws `unavailable` when too many wait already. */
  run<T>(work: () => Promise<T>): Promise<T>;
}

/** Bounds how much runs at once, and how much may wait for it. */
export const createLimiter = ({
  maxRunning,
  maxWaiting,
  message = "Too many people are signing in at once.",
}: {
  maxRunning: number;
  maxWaiting: number;
  message?: string;
}): Limiter => {
  const waiting: (() => void)[] = [];
  let running = 0;

  const enter = async (): Promise<void> => {
    if (running < maxRunning) {
      running += 1;
      return;
    }
    if (waiting.length >= maxWaiting) {
      throw new DomainError({
        code: "unavailable",
        message,
        hint: "Try again in a few seconds.",
        retryable: true,
      });
    }
    // Whoever leaves hands the place on, so `running` stays as it is.
    await new Promise<void>((resolve) => waiting.push(resolve));
  };
  const leave = (): void => {
    const next = waiting.shift();
    if (next === undefined) running -= 1;
    else next();
  };

  return {
    run: async (work) => {
      await enter();
      try {
        return await work();
      } finally {
        leave();
      }
    },
  };
};
