import type { StoreTransaction } from "../clients/create-clients.ts";
import type { Region } from "../generated/client.ts";

export type RegionRow = Region;

export const regionRepository = {
  list: (transaction: StoreTransaction): Promise<RegionRow[]> =>
    transaction.region.findMany({ orderBy: { slug: "asc" }, take: 1_000 }),

  bySlugs: (transaction: StoreTransaction, slugs: readonly string[]): Promise<RegionRow[]> =>
    transaction.region.findMany({ where: { slug: { in: [...slugs] } } }),
};
