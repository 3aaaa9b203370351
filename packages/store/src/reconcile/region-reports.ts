import type { Clock } from "@portolan/domain";
import type { StoreClient } from "../clients/create-clients.ts";
import { toJson } from "./rows.ts";

/** A worker says that it serves a region and what its runtime can do. */
export const reportRegion = async (
  deps: { client: StoreClient; clock: Clock },
  region: string,
  capabilities: object,
): Promise<void> => {
  await deps.client.region.updateMany({
    where: { slug: region },
    data: { seenAt: deps.clock.now(), capabilities: toJson(capabilities) },
  });
};
