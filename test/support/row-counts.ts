import { runSql } from "@portolan/store";
import type { Plane } from "./plane.ts";
import { until } from "./until.ts";

const tables = ["tenants", "users", "apps", "keys", "chains", "placements", "operations", "audit_events"] as const;

/** Once the plane does nothing by itself: a deleted chain of a plan without recovery is purged a moment later. */
export const untilQuiet = (plane: Plane): Promise<true> =>
  until("the plane is quiet", async () => {
    let busy = 0;
    await runSql(await plane.superuserUrl(), async (query) => {
      const [row] = await query(
        `select (select count(*) from operations where state in ('queued', 'running'))
              + (select count(*) from chains where wish = 'deleted' and purge_at <= now() + interval '1 minute')
              + (select count(*) from chains where wish = 'purged' and phase <> 'purged') as count`,
      );
      busy = Number(row?.["count"]);
    });
    return busy === 0 || undefined;
  });

export type RowCounts = { [table in (typeof tables)[number]]: number };

/** How many rows there are of what a request could have made, over all tenants. */
export const rowCounts = async (plane: Plane): Promise<RowCounts> => {
  const counts: Partial<RowCounts> = {};
  await runSql(await plane.superuserUrl(), async (query) => {
    for (const table of tables) {
      const [row] = await query(`select count(*)::int as count from ${table}`);
      counts[table] = Number(row?.["count"]);
    }
  });
  return counts as RowCounts;
};
