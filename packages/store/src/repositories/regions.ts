import type { StoreTransaction } from "../clients/create-clients.ts";
import type { Region } from "../generated/client.ts";
import type { RegionProblem } from "../reconcile/region-reports.ts";
import { fromJson } from "../reconcile/rows.ts";

export type RegionRow = Region;

/** What keeps the region from being worked on, as its worker last said; null: nothing. */
export const regionProblem = (row: Pick<RegionRow, "problem">): RegionProblem | null =>
  fromJson<RegionProblem | null>(row.problem);

export const regionRepository = {
  list: (transaction: StoreTransaction): Promise<RegionRow[]> =>
    transaction.region.findMany({ orderBy: { slug: "asc" }, take: 1_000 }),

  bySlugs: (transaction: StoreTransaction, slugs: readonly string[]): Promise<RegionRow[]> =>
    transaction.region.findMany({ where: { slug: { in: [...slugs] } } }),
};
