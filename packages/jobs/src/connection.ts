/** Where the queue lives. `connectionString` and `url` are secrets. */
export type JobConnection =
  | { kind: "postgres"; connectionString: string /** `bullmq` unless told. */; schema?: string }
  | { kind: "redis"; url: string /** Of all keys; `portolan` unless told. */; prefix?: string };

/** Redis where there is one, else the plane's Postgres, where nothing more has to run. */
export const toJobConnection = (settings: {
  redisUrl: string | undefined;
  databaseUrl: string;
  schema: string;
}): JobConnection =>
  settings.redisUrl === undefined
    ? { kind: "postgres", connectionString: settings.databaseUrl, schema: settings.schema }
    : { kind: "redis", url: settings.redisUrl };

/** What the queue is for decides how it fails: a producer fast, a worker never. */
export type LinkRole = "producer" | "worker";
