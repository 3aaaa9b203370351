export {
  centralQueues,
  deduplicationId,
  isJobName,
  type JobDefinition,
  type JobName,
  type JobPayload,
  jobCatalog,
  jobNames,
  jobsOn,
  placementsQueue,
  queueOf,
} from "./catalog.ts";
export { type JobConnection, toJobConnection } from "./connection.ts";
export { createJobConsumer, type JobConsumer, type JobConsumerSettings } from "./consumer.ts";
export type { JobContext, JobHandler, JobHandlers } from "./handlers.ts";
export { migrateJobs } from "./migrate.ts";
export { createJobProducer, type JobProducer, type JobProducerDeps } from "./producer.ts";
