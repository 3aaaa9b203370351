import type { Logger } from "@portolan/kit";
import { type JobName, type JobPayload, jobsOn } from "./catalog.ts";

export interface JobContext {
  /** Aborted when the consumer closes. */
  signal: AbortSignal;
  log: Logger;
}

/** Must bear being run twice, at once in two processes, or long after its wake. A throw is logged, nothing else. */
export type JobHandler<Name extends JobName> = (payload: JobPayload<Name>, context: JobContext) => Promise<void>;

/** A handler for every job; a regional worker passes those of its own queue only. */
export type JobHandlers = { readonly [Name in JobName]: JobHandler<Name> };

/** Throws unless every job of every served queue has a handler, and every served queue has jobs. */
export const assertHandled = (queues: readonly string[], handlers: Partial<JobHandlers>): void => {
  const unknown = queues.filter((queue) => jobsOn(queue).length === 0);
  if (unknown.length > 0) throw new Error(`no job of the catalog goes to: ${unknown.join(", ")}`);
  const missing = queues.flatMap(jobsOn).filter((name) => handlers[name] === undefined);
  if (missing.length > 0) throw new Error(`no handler for: ${[...new Set(missing)].join(", ")}`);
};
