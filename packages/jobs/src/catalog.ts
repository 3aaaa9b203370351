import { type IdKind, idPattern, idPrefixes } from "@portolan/domain";
import { z } from "zod";

const id = (kind: IdKind) => z.string().regex(idPattern(idPrefixes[kind]));

/** Slug of a region; it becomes part of a queue's name. */
const regionSlug = z.string().regex(/^[a-z0-9][a-z0-9-]{0,62}$/);

const payloads = {
  "chain.coordinate": z.strictObject({ chainId: id("chain") }),
  "placement.reconcile": z.strictObject({ placementId: id("placement"), region: regionSlug }),
  "reconcile.sweep": z.strictObject({}),
  "audit.seal": z.strictObject({}),
  "usage.storage": z.strictObject({}),
  "store.prune": z.strictObject({}),
};

export type JobName = keyof typeof payloads;

/** What a job carries: ids, never data, so that a late or repeated job acts on what the rows say now. */
export type JobPayload<Name extends JobName> = z.output<(typeof payloads)[Name]>;

export interface JobDefinition<Payload> {
  payload: z.ZodType<Payload>;
  /** One queue, or one for each region that the payload's `region` names. */
  queue: { name: string } | { perRegion: string };
  /** Always 1: the sweep tries again, by the row's own back-off. */
  attempts: 1;
  backoff: "row";
  /** Runs by itself, with an empty payload. */
  schedule?: { everyMs: number };
}

const onDemand = { attempts: 1, backoff: "row" } as const;
const everySeconds = (seconds: number) =>
  ({ ...onDemand, queue: { name: "system" }, schedule: { everyMs: seconds * 1_000 } }) as const;

/** The one table of jobs. */
export const jobCatalog: { readonly [Name in JobName]: JobDefinition<JobPayload<Name>> } = {
  "chain.coordinate": { ...onDemand, payload: payloads["chain.coordinate"], queue: { name: "chains" } },
  "placement.reconcile": { ...onDemand, payload: payloads["placement.reconcile"], queue: { perRegion: "placements" } },
  "reconcile.sweep": { ...everySeconds(5), payload: payloads["reconcile.sweep"] },
  "audit.seal": { ...everySeconds(10), payload: payloads["audit.seal"] },
  "usage.storage": { ...everySeconds(60), payload: payloads["usage.storage"] },
  "store.prune": { ...everySeconds(600), payload: payloads["store.prune"] },
};

export const isJobName = (text: string): text is JobName => Object.hasOwn(jobCatalog, text);

export const jobNames: readonly JobName[] = Object.keys(jobCatalog).filter(isJobName);

/** The queues of the centre. */
export const centralQueues: readonly string[] = ["system", "chains"];

/** The queue of one region's placements. */
export const placementsQueue = (region: string): string => `placements.${regionSlug.parse(region)}`;

/** The queue that a job goes to. */
export const queueOf = <Name extends JobName>(name: Name, payload: JobPayload<Name>): string => {
  const { queue } = jobCatalog[name];
  if ("name" in queue) return queue.name;
  return `${queue.perRegion}.${"region" in payload ? String(payload.region) : ""}`;
};

/** The jobs that may arrive on a queue. */
export const jobsOn = (queueName: string): JobName[] =>
  jobNames.filter((name) => {
    const { queue } = jobCatalog[name];
    return "name" in queue ? queue.name === queueName : queueName.startsWith(`${queue.perRegion}.`);
  });

/** Equal for wakes that mean the same thing: the job and its ids. */
export const deduplicationId = <Name extends JobName>(name: Name, payload: JobPayload<Name>): string =>
  [name, ...Object.values(payload)].join("/");
