import type { Queue } from "bullmq";
import { type JobName, jobCatalog, jobsOn } from "./catalog.ts";

type ScheduleQueue = Pick<Queue, "getJobScheduler" | "upsertJobScheduler" | "removeJobScheduler">;

/** A tick this much overdue was lost with its job; before, the worker is only busy. */
const isLost = (next: number | undefined, everyMs: number, nowMs: number): boolean =>
  next === undefined || nowMs - next > Math.max(3 * everyMs, 15_000);

const ensureOne = async (queue: ScheduleQueue, name: JobName, everyMs: number, nowMs: number): Promise<boolean> => {
  const found = await queue.getJobScheduler(name);
  // Only what is missing or wrong is written: an upsert of a healthy schedule would move its next tick.
  if (found && found.every === everyMs && !isLost(found.next, everyMs, nowMs)) return false;
  if (found) await queue.removeJobScheduler(name);
  await queue.upsertJobScheduler(
    name,
    { every: everyMs },
    { name, data: {}, opts: { attempts: 1, removeOnComplete: true, removeOnFail: true, stackTraceLimit: 0 } },
  );
  return true;
};

/** Makes the schedules of a queue's jobs exist and tick. Answers those it had to make. */
export const ensureSchedules = async (queue: ScheduleQueue, queueName: string, nowMs: number): Promise<JobName[]> => {
  const made: JobName[] = [];
  for (const name of jobsOn(queueName)) {
    const { schedule } = jobCatalog[name];
    if (schedule && (await ensureOne(queue, name, schedule.everyMs, nowMs))) made.push(name);
  }
  return made;
};
