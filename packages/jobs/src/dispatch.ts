import type { Logger, Metrics } from "@portolan/kit";
import { isJobName, type JobName, jobCatalog } from "./catalog.ts";
import type { JobContext, JobHandler, JobHandlers } from "./handlers.ts";

export type Dispatch = (name: string, data: unknown) => Promise<void>;

export interface DispatchDeps {
  handlers: Partial<JobHandlers>;
  signal: AbortSignal;
  log: Logger;
  metrics?: Pick<Metrics, "counter" | "histogram">;
}

type Outcome = "done" | "failed" | "refused";

const secondsBuckets = [0.005, 0.02, 0.1, 0.5, 2, 10, 60];

/** Joins runs of a scheduled job in this process: a tick that comes while one runs makes one more run, not a second. */
const createSerializer = () => {
  const again = new Map<JobName, boolean>();
  return async (name: JobName, run: () => Promise<Outcome>): Promise<Outcome> => {
    if (!jobCatalog[name].schedule) return run();
    if (again.has(name)) {
      again.set(name, true);
      return "done";
    }
    try {
      let outcome: Outcome;
      do {
        again.set(name, false);
        outcome = await run();
      } while (again.get(name));
      return outcome;
    } finally {
      again.delete(name);
    }
  };
};

/**
 * Checks what came off a queue and hands it to its handler. Throws a bare error when it was refused or failed: what is
 * thrown is stored in the queue, and the cause may hold what must not lie there, so it goes to the log alone.
 */
export const createDispatch = ({ handlers, signal, log, metrics }: DispatchDeps): Dispatch => {
  const handled = metrics?.counter("portolan_jobs_handled_total", "Jobs by name and outcome.", ["job", "outcome"]);
  const seconds = metrics?.histogram("portolan_job_seconds", "Time in handlers.", secondsBuckets, ["job"]);
  const serialize = createSerializer();

  const runOne = async <Name extends JobName>(name: Name, data: unknown): Promise<Outcome> => {
    const jobLog = log.child({ job: name });
    const handler: JobHandler<Name> | undefined = handlers[name];
    const parsed = jobCatalog[name].payload.safeParse(data);
    if (!handler || !parsed.success) {
      const problems = parsed.error?.issues.map(({ path, code }) => `${path.join(".")}: ${code}`);
      jobLog.error({ problems }, handler ? "a job with a bad payload was refused" : "a job without a handler");
      return "refused";
    }
    const context: JobContext = { signal, log: jobLog };
    try {
      await handler(parsed.data, context);
      return "done";
    } catch (err) {
      jobLog.error({ err, payload: parsed.data }, "a job failed");
      return "failed";
    }
  };

  return async (name, data) => {
    if (!isJobName(name)) {
      log.error({ job: name.slice(0, 80) }, "an unknown job was refused");
      handled?.add({ job: "unknown", outcome: "refused" });
      throw new Error("job refused");
    }
    const startedAt = performance.now();
    const outcome = await serialize(name, () => runOne(name, data));
    handled?.add({ job: name, outcome });
    seconds?.observe((performance.now() - startedAt) / 1_000, { job: name });
    if (outcome !== "done") throw new Error(`job ${outcome}`);
  };
};
