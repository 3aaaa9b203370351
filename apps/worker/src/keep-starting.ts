import { setTimeout as delay } from "node:timers/promises";
import type { Logger } from "@portolan/kit";

const firstPauseMs = 500;
const longestPauseMs = 15_000;

/**
 * Starts the consumer of the queue in the background, again and again until it runs or `signal` is aborted. A worker
 * does without it: the rows are the list of work, and notifications and the sweep wake it too. Never rejects.
 */
export const keepStarting = async (
  consumer: { start(): Promise<void> },
  options: { log: Pick<Logger, "info" | "warn">; signal: AbortSignal; pauseMs?: number },
): Promise<void> => {
  const { log, signal } = options;
  let pauseMs = options.pauseMs ?? firstPauseMs;
  for (let attempt = 1; !signal.aborted; attempt += 1) {
    try {
      await consumer.start();
      if (attempt > 1) log.info({ attempt }, "the job queue is served now");
      return;
    } catch (error) {
      if (signal.aborted) return;
      const reason = error instanceof Error ? error.message : String(error);
      log.warn({ reason, attempt, pauseMs }, "the job queue can't be served yet; work goes on without it");
      await delay(pauseMs, undefined, { signal }).catch(() => undefined);
      pauseMs = Math.min(pauseMs * 2, longestPauseMs);
    }
  }
};
