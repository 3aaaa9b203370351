import type { Clock } from "@portolan/domain";
import type { StoreClient } from "../clients/create-clients.ts";
import { Prisma } from "../generated/client.ts";
import { toJson } from "./rows.ts";

/** What keeps a region from being worked on. */
export interface RegionProblem {
  code: string;
  message: string;
  hint?: string;
}

/**
 * A worker says that it serves a region and what its runtime can do; with a `problem`, that it can't reach it, which
 * leaves what was known of its abilities and closes it to new chains until a report without one.
 */
export const reportRegion = async (
  deps: { client: StoreClient; clock: Clock },
  region: string,
  report: { capabilities: object } | { problem: RegionProblem },
): Promise<void> => {
  const data =
    "problem" in report
      ? { problem: toJson(report.problem) }
      : { capabilities: toJson(report.capabilities), problem: Prisma.DbNull };
  await deps.client.region.updateMany({
    where: { slug: region },
    data: { seenAt: deps.clock.now(), ...data },
  });
};
