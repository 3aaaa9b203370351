import type { Clock } from "@portolan/domain";
import type { StoreClient } from "../clients/create-clients.ts";

const requestLogHours = 24;
const requestLogRows = 10_000;
const logRequestMinutes = 10;

/** Removes what is only kept for a while, and makes the coming months' partitions of usage. */
export const pruneStore = async (deps: { client: StoreClient; clock: Clock }): Promise<void> => {
  const now = deps.clock.now();
  const ago = (ms: number) => new Date(now.getTime() - ms);
  await deps.client.idempotencyRecord.deleteMany({ where: { expiresAt: { lt: now } } });
  await deps.client.logRequest.deleteMany({ where: { createdAt: { lt: ago(logRequestMinutes * 60_000) } } });
  await deps.client.partKeyRequest.deleteMany({ where: { createdAt: { lt: ago(60_000) } } });
  await deps.client.requestLog.deleteMany({ where: { at: { lt: ago(requestLogHours * 3_600_000) } } });
  await deps.client.$executeRaw`
    delete from request_log using (
      select id from (select id, row_number() over (partition by app_id order by id desc) as place from request_log) ranked
      where place > ${requestLogRows}) surplus
    where request_log.id = surplus.id`;
  await deps.client.$queryRaw`select ensure_usage_partitions(${now}::date, 3)`;
};
