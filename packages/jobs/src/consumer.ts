import { type Logger, type Metrics, within } from "@portolan/kit";
import { jobCatalog, jobsOn } from "./catalog.ts";
import type { JobConnection } from "./connection.ts";
import { createDispatch } from "./dispatch.ts";
import { createErrorReporter } from "./error-reporter.ts";
import { assertHandled, type JobHandlers } from "./handlers.ts";
import { type Link, openLink } from "./link.ts";
import { type LinkedQueue, type LinkedWorker, openQueue, openWorker } from "./queue.ts";
import { ensureSchedules } from "./schedules.ts";

export interface JobConsumerSettings {
  connection: JobConnection;
  handlers: Partial<JobHandlers>;
  /** Names from `centralQueues` and `placementsQueue`. */
  queues: readonly string[];
  /** Jobs at once on each queue; 8 unless told. */
  concurrency?: number;
  log: Logger;
  metrics?: Pick<Metrics, "counter" | "histogram">;
  /** How often schedules are checked; 10 s unless told. It bounds what an emptied queue costs. */
  scheduleCheckMs?: number;
  /** How long `start` waits for the datastore; 45 s unless told. */
  startTimeoutMs?: number;
}

export interface JobConsumer {
  /** Throws when the datastore does not answer; then nothing is left open, and it may be called again. */
  start(): Promise<void>;
  /** Aborts the handlers' signal, waits for them up to `timeoutMs` (8 s), closes workers, queues, connections. */
  close(options?: { timeoutMs?: number }): Promise<void>;
}

/** A killed worker's job is taken over after at most both together; a handler that stays off the event loop keeps it. */
const lockMs = 10_000;
const stalledCheckMs = 5_000;
const restartMs = 1_000;

interface Running {
  link: Link;
  workers: LinkedWorker[];
  queues: Map<string, LinkedQueue>;
  timer: NodeJS.Timeout | undefined;
}

/** Jobs leave nothing behind, and one whose worker died is taken over soon. */
const workerOptions = {
  autorun: false,
  lockDuration: lockMs,
  stalledInterval: stalledCheckMs,
  maxStalledCount: 3,
  runRetryDelay: restartMs,
  removeOnComplete: { count: 0 },
  removeOnFail: { count: 0 },
};

/**
 * Serves queues: one worker for each, and the schedules of their jobs. Opens nothing before `start`. Throws when a job
 * of theirs has no handler, which no further `start` would mend.
 */
export const createJobConsumer = (settings: JobConsumerSettings): JobConsumer => {
  const { connection, handlers, queues: queueNames, concurrency = 8, log, metrics } = settings;
  const { scheduleCheckMs = 10_000, startTimeoutMs = 45_000 } = settings;
  assertHandled(queueNames, handlers);
  const report = createErrorReporter(log, "the queue's connection has trouble");
  const controller = new AbortController();
  let running: Running | undefined;

  const checkSchedules = async ({ queues }: Running): Promise<void> => {
    for (const [name, queue] of queues) {
      const made = await ensureSchedules(queue, name, Date.now());
      if (made.length > 0) log.info({ queue: name, jobs: made }, "schedules made");
    }
  };
  const keepChecking = (state: Running): void => {
    state.timer = setTimeout(async () => {
      await within(checkSchedules(state), scheduleCheckMs).catch(report);
      if (!controller.signal.aborted) keepChecking(state);
    }, scheduleCheckMs);
  };
  const keepRunning = async (worker: LinkedWorker): Promise<void> => {
    while (!controller.signal.aborted) {
      await worker.run().catch(report);
      if (!controller.signal.aborted) await new Promise((resolve) => setTimeout(resolve, restartMs));
    }
  };
  const open = async (state: Running): Promise<void> => {
    await state.link.ready();
    const dispatch = createDispatch({ handlers, signal: controller.signal, log, ...(metrics ? { metrics } : {}) });
    for (const name of queueNames) {
      const options = { ...workerOptions, concurrency };
      state.workers.push(openWorker(state.link, name, (job) => dispatch(job.name, job.data), options, report));
      if (!jobsOn(name).some((job) => jobCatalog[job].schedule)) continue;
      state.queues.set(name, openQueue(state.link, name, report));
    }
    await Promise.all(state.workers.map((worker) => worker.waitUntilReady()));
    await checkSchedules(state);
  };
  const closeAll = async ({ link, workers, queues, timer }: Running, timeoutMs: number): Promise<void> => {
    clearTimeout(timer);
    const closing = Promise.allSettled(workers.map((worker) => worker.close()));
    if ((await within(closing, timeoutMs)) === "late") {
      log.warn({ timeoutMs }, "jobs still ran when the consumer closed");
      await within(Promise.allSettled(workers.map((worker) => worker.disconnect())), 1_000);
    }
    await within(Promise.allSettled([...queues.values()].map((queue) => queue.close())), 1_000);
    await within(link.close(), 1_000);
  };

  return {
    start: async () => {
      if (running) throw new Error("the consumer was started before");
      const state: Running = {
        link: openLink(connection, "worker", report),
        workers: [],
        queues: new Map(),
        timer: undefined,
      };
      running = state;
      try {
        if ((await within(open(state), startTimeoutMs)) === "late")
          throw new Error(`the job queue (${connection.kind}) did not answer within ${startTimeoutMs} ms`);
      } catch (error) {
        running = undefined;
        await closeAll(state, 1_000);
        throw error;
      }
      if (controller.signal.aborted) return closeAll(state, 1_000);
      for (const worker of state.workers) void keepRunning(worker);
      keepChecking(state);
    },
    close: async ({ timeoutMs = 8_000 } = {}) => {
      controller.abort();
      const state = running;
      running = undefined;
      if (state) await closeAll(state, timeoutMs);
    },
  };
};
