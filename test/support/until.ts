import { setTimeout as sleep } from "node:timers/promises";

/** Looks until it neither throws nor answers false or undefined; then throws what was last in the way. */
export const until = async <Value>(
  what: string,
  look: () => Promise<Value | false | undefined>,
  { timeoutMs = 60_000, everyMs = 50 }: { timeoutMs?: number; everyMs?: number } = {},
): Promise<Value> => {
  const endsAt = Date.now() + timeoutMs;
  let problem: unknown;
  for (;;) {
    try {
      const seen = await look();
      if (seen !== false && seen !== undefined) return seen;
      problem = undefined;
    } catch (error) {
      problem = error;
    }
    if (Date.now() > endsAt) throw new Error(`never: ${what} (waited ${timeoutMs} ms)`, { cause: problem });
    await sleep(everyMs);
  }
};
