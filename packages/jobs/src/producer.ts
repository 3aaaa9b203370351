import { type Logger, type Metrics, within } from "@portolan/kit";
import type { JobsOptions } from "bullmq";
import { deduplicationId, type JobName, type JobPayload, jobCatalog, queueOf } from "./catalog.ts";
import type { JobConnection } from "./connection.ts";
import { createErrorReporter } from "./error-reporter.ts";
import { type Link, openLink } from "./link.ts";
import { type LinkedQueue, openQueue } from "./queue.ts";

export interface JobProducer {
  /**
   * Asks for a run. Call it after the commit of what is to be seen. True when the queue took it; false when it could
   * not (logged and counted), which costs only the time until the next sweep. Never throws; at most about 2 s.
   */
  wake<Name extends JobName>(name: Name, payload: JobPayload<Name>): Promise<boolean>;
  /** Connects and opens these queues, so that the first wake is as fast as the next. False when it could not yet. */
  warm(queues: readonly string[]): Promise<boolean>;
  close(): Promise<void>;
}

export interface JobProducerDeps {
  log: Pick<Logger, "warn" | "error">;
  metrics?: Pick<Metrics, "counter">;
  /** Bound of one `wake`; 2 s unless told. */
  timeoutMs?: number;
}

interface Lines {
  link: Link;
  queues: Map<string, LinkedQueue>;
}

const pauseAfterTimeoutMs = 1_000;

const toOptions = (id: string): JobsOptions => ({
  deduplication: { id, keepLastIfActive: true },
  attempts: 1,
  removeOnComplete: true,
  removeOnFail: true,
  stackTraceLimit: 0,
});

/** Wakes workers. Opens its connection at the first wake or at `warm`. */
export const createJobProducer = (
  connection: JobConnection,
  { log, metrics, timeoutMs = 2_000 }: JobProducerDeps,
): JobProducer => {
  const report = createErrorReporter(log, "the queue's connection has trouble");
  const wakes = metrics?.counter("portolan_job_wakes_total", "Wakes by job and outcome.", ["job", "outcome"]);
  let opening: Promise<Lines> | undefined;
  let pausedUntil = 0;
  let isClosed = false;

  const open = async (): Promise<Lines> => {
    const link = openLink(connection, "producer", report);
    try {
      await link.ready();
      return { link, queues: new Map() };
    } catch (error) {
      // BullMQ remembers a first failure for ever; the next wake starts afresh.
      opening = undefined;
      await link.close().catch(report);
      throw error;
    }
  };
  const queueFor = ({ link, queues }: Lines, name: string): LinkedQueue => {
    const queue = queues.get(name) ?? openQueue(link, name, report);
    queues.set(name, queue);
    return queue;
  };
  const linesFor = (): Promise<Lines> => {
    opening ??= open();
    return opening;
  };
  const send = async <Name extends JobName>(name: Name, payload: JobPayload<Name>): Promise<"sent"> => {
    const queue = queueFor(await linesFor(), queueOf(name, payload));
    await queue.add(name, payload, toOptions(deduplicationId(name, payload)));
    return "sent";
  };
  const attempt = async (run: () => Promise<unknown>): Promise<"sent" | "late" | "failed" | "paused"> => {
    // After a time-out the next callers must not each wait as long for the same silent server.
    if (isClosed || performance.now() < pausedUntil) return "paused";
    try {
      if ((await within(run(), timeoutMs)) !== "late") return "sent";
      pausedUntil = performance.now() + pauseAfterTimeoutMs;
      report(new Error(`no answer within ${timeoutMs} ms`));
      return "late";
    } catch (error) {
      report(error);
      return "failed";
    }
  };

  return {
    wake: async (name, payload) => {
      const parsed = jobCatalog[name]?.payload.safeParse(payload);
      const outcome = parsed?.success ? await attempt(() => send(name, payload)) : "refused";
      if (outcome === "refused") log.error({ job: name }, "a wake with a bad payload was refused");
      wakes?.add({ job: name, outcome });
      return outcome === "sent";
    },
    warm: async (queueNames) =>
      (await attempt(async () => {
        const lines = await linesFor();
        for (const name of queueNames) queueFor(lines, name);
      })) === "sent",
    close: async () => {
      isClosed = true;
      const lines = opening && (await within(opening, timeoutMs).catch(() => "late" as const));
      if (!lines || lines === "late") return;
      await within(Promise.allSettled([...lines.queues.values()].map((queue) => queue.close())), timeoutMs);
      await within(lines.link.close(), timeoutMs);
    },
  };
};
