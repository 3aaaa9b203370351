import type { StoreTransaction } from "../clients/create-clients.ts";
import { fromJson, toJson } from "../reconcile/rows.ts";

export interface RecordedAnswer {
  status: number;
  body: unknown;
  headers: { readonly [name: string]: string };
}

export type IdempotencyState =
  | { state: "fresh" }
  | { state: "inFlight" }
  | { state: "mismatch" }
  | { state: "recorded"; answer: RecordedAnswer };

export interface IdempotencyKey {
  scope: string;
  key: string;
  requestHash: string;
}

/** Records of answered requests. The record commits with what the request changed, or neither does. */
export const idempotencyRepository = {
  /**
   * Takes the key for this transaction, without waiting: somebody else's running request is `inFlight`. The lock goes
   * with the transaction, whatever its end.
   */
  begin: async (transaction: StoreTransaction, key: IdempotencyKey, now: Date): Promise<IdempotencyState> => {
    const name = JSON.stringify([key.scope, key.key]);
    const [lock] = await transaction.$queryRaw<{ taken: boolean }[]>`
      select pg_try_advisory_xact_lock(hashtextextended(${name}, 7)) as taken`;
    if (lock?.taken !== true) return { state: "inFlight" };
    return idempotencyRepository.find(transaction, key, now);
  },

  find: async (
    transaction: StoreTransaction,
    { scope, key, requestHash }: IdempotencyKey,
    now: Date,
  ): Promise<IdempotencyState> => {
    const row = await transaction.idempotencyRecord.findUnique({ where: { scope_key: { scope, key } } });
    if (row === null || row.expiresAt <= now || row.status === null) return { state: "fresh" };
    if (row.requestHash !== requestHash) return { state: "mismatch" };
    return {
      state: "recorded",
      answer: { status: row.status, body: fromJson(row.response), headers: fromJson(row.headers) ?? {} },
    };
  },

  record: async (
    transaction: StoreTransaction,
    { scope, key, requestHash }: IdempotencyKey,
    answer: RecordedAnswer,
    times: { now: Date; expiresAt: Date },
  ): Promise<void> => {
    const response = JSON.stringify(toJson(answer.body ?? null));
    const headers = JSON.stringify(answer.headers);
    await transaction.$executeRaw`
      insert into idempotency_records (scope, key, request_hash, status, response, headers, created_at, expires_at)
      values (${scope}, ${key}, ${requestHash}, ${answer.status}, ${response}::jsonb, ${headers}::jsonb, ${times.now}, ${times.expiresAt})
      on conflict (scope, key) do update set request_hash = excluded.request_hash, status = excluded.status,
        response = excluded.response, headers = excluded.headers, created_at = excluded.created_at, expires_at = excluded.expires_at`;
  },

  /** Removes what has expired, for the role system; a bounded number at once. */
  prune: (transaction: StoreTransaction, now: Date, limit = 5_000): Promise<number> => transaction.$executeRaw`
    delete from idempotency_records where (scope, key) in
      (select scope, key from idempotency_records where expires_at <= ${now} limit ${limit})`,
};
