import { runSql } from "@portolan/store";
import type { Plane } from "./plane.ts";

const tables = ["tenants", "users", "apps", "keys", "chains", "placements", "operations", "audit_events"] as const;

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
