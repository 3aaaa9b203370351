import type { DoomedBackup } from "@portolan/contract";
import type { Clock } from "@portolan/domain";
import type { StoreClient } from "../clients/create-clients.ts";

/**
 * Copies in stores of these regions that are nobody's any more. Not while a placement's order still asks for one of
 * them: its worker might be writing it.
 */
export const listDoomedBackups = (
  client: StoreClient,
  regions: readonly string[],
  limit: number,
): Promise<DoomedBackup[]> =>
  client.$queryRaw<DoomedBackup[]>`
    select b.id as "backupId", p.id as "placementId", p.region
    from backups b join placements p on p.chain_id = b.chain_id
    where b.state in ('failed', 'deleted') and b.removed_at is null
      and p.region = any(${[...regions]}) and p.region <> all(b.removed_from)
      and not exists (select 1 from placements w where w.chain_id = b.chain_id and w.work_order -> 'backup' ->> 'id' = b.id)
    order by b.id limit ${limit}`;

/** Nothing of it is left in this region; once that is so of all, it is not looked for any more. */
export const recordBackupRemoved = async (
  deps: { client: StoreClient; clock: Clock },
  backupId: string,
  region: string,
): Promise<void> => {
  const now = deps.clock.now();
  await deps.client.$executeRaw`
    update backups b set removed_from = array_append(array_remove(removed_from, ${region}), ${region}),
      removed_at = case when not exists (
        select 1 from placements p where p.chain_id = b.chain_id and p.region <> ${region} and p.region <> all(b.removed_from)
      ) then ${now}::timestamptz else null end
    where id = ${backupId} and state in ('failed', 'deleted')`;
};
