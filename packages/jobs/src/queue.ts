import { type IQueueBackend, type Processor, Queue, Worker, type WorkerOptions } from "bullmq";
import type { Link } from "./link.ts";

export type LinkedQueue = Queue<unknown, unknown, string, unknown, unknown, string, IQueueBackend, unknown>;
export type LinkedWorker = Worker<unknown, void, string, IQueueBackend, never, unknown>;

type OnError = (error: unknown) => void;

export const openQueue = (link: Link, name: string, onError: OnError): LinkedQueue => {
  const options = { connection: {}, prefix: link.prefix };
  const queue: LinkedQueue = new Queue(name, options, link.queueBackend);
  queue.on("error", onError);
  return queue;
};

export const openWorker = (
  link: Link,
  name: string,
  processor: Processor<unknown, void, string, never>,
  options: Omit<WorkerOptions<unknown>, "connection" | "prefix">,
  onError: OnError,
): LinkedWorker => {
  const all = { ...options, connection: {}, prefix: link.prefix };
  const worker: LinkedWorker = new Worker(name, processor, all, link.workerBackend);
  worker.on("error", onError);
  return worker;
};
