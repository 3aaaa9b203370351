/** Where the queue lives. `connectionString` and `url` are secrets. */
export type JobConnection =
  | { kind: "postgres"; connectionString: string /** `bullmq` unless told. */; schema?: string }
  | { kind: "redis"; url: string /** Of all keys; `portolan` unless told. */; prefix?: string };

/** What the queue is for decides how it fails: a producer fast, a worker never. */
export type LinkRole = "producer" | "worker";
