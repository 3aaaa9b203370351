import { type Clock, DomainError } from "@portolan/domain";
import { type Logger, within } from "@portolan/kit";
import type { RegionProblem } from "@portolan/store";
import type { LateRuntime } from "../late-runtime.ts";

type Learner = Pick<LateRuntime, "capabilities" | "learn">;
type Report = { capabilities: object } | { problem: RegionProblem };

const late: RegionProblem = {
  code: "region.unreachable",
  message: "The region does not answer.",
  hint: "Its chains are left as they are, and looked after again when it answers.",
};

const toProblem = (error: unknown): RegionProblem => {
  if (!(error instanceof DomainError)) return late;
  const { code, message, hint } = error;
  return { code, message, ...(hint === undefined ? {} : { hint }) };
};

/** How often a region that is well is looked at; one that is not is looked at each time. */
const restMs = 14_000;

/**
 * Says of each region that it is served and what its runtime can do, or why it can't be worked on, which closes it to
 * new chains. Regions are asked at the same time: one that does not answer keeps no other waiting.
 */
export const createRegionReporter = (deps: {
  runtimes: ReadonlyMap<string, Learner>;
  report(region: string, report: Report): Promise<void>;
  /** What was put off until the region answers need not wait any longer. */
  onRecovery?(region: string): void;
  clock: Clock;
  log: Pick<Logger, "info" | "warn">;
}) => {
  const troubled = new Set<string>();
  const lookedAt = new Map<string, number>();
  const look = async (region: string, runtime: Learner, timeoutMs: number) => {
    const now = deps.clock.now().getTime();
    if (!troubled.has(region) && now - (lookedAt.get(region) ?? 0) < restMs) return;
    lookedAt.set(region, now);
    let problem: RegionProblem | undefined;
    let cause: unknown;
    try {
      if ((await within(runtime.learn(), timeoutMs)) === "late") problem = late;
    } catch (error) {
      problem = toProblem(error);
      cause = error;
    }
    await deps.report(region, problem === undefined ? { capabilities: runtime.capabilities } : { problem });
    if (problem === undefined) {
      if (!troubled.delete(region)) return;
      deps.log.info({ region }, "the region can be worked on again");
      deps.onRecovery?.(region);
    } else if (!troubled.has(region)) {
      troubled.add(region);
      deps.log.warn({ err: cause, region, problem }, "the region can't be worked on; others go on");
    }
  };
  return {
    /** Gives each region this many milliseconds to answer. */
    report: async (timeoutMs: number): Promise<void> => {
      await Promise.all([...deps.runtimes].map(([region, runtime]) => look(region, runtime, timeoutMs)));
    },
    /** False from a look that found a problem to the next that finds none: what waits there would hold up the rest. */
    canWork: (region: string): boolean => !troubled.has(region),
  };
};
