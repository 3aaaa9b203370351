import { setTimeout as sleep } from "node:timers/promises";
import type { Prisma } from "../generated/client.ts";
import type { StoreClient, StoreTransaction } from "./create-clients.ts";
import { isConflict, isNotStarted } from "./transaction-errors.ts";

export interface TransactionOptions {
  /** Wait for a connection, milliseconds; default 10 s. */
  maxWaitMs?: number;
  /** Longest duration, milliseconds; default 10 s. Nothing slow or remote belongs into a transaction. */
  timeoutMs?: number;
  isolationLevel?: Prisma.TransactionIsolationLevel;
  /** Attempts in all when others' transactions get in the way; default 5. */
  maxAttempts?: number;
  /** Between attempts; default a real sleep. */
  sleep?: (ms: number) => Promise<unknown>;
}

/**
 * Runs `work` in one transaction that sees `tenantId`'s rows only (client of the role app). The whole of it is run
 * again after a serialization conflict or deadlock, and when it could not start for want of a connection: `work` must
 * have no effect outside the database.
 */
export function withTenant<T>(
  client: StoreClient,
  tenantId: string,
  work: (transaction: StoreTransaction) => Promise<T>,
  options: TransactionOptions = {},
): Promise<T> {
  return inTransaction(
    client,
    async (transaction) => {
      await transaction.$queryRaw`select set_config('app.tenant', ${tenantId}, true)`;
      return work(transaction);
    },
    options,
  );
}

/** The same without a tenant: for the role system, whose uses its repositories name. */
export async function inTransaction<T>(
  client: StoreClient,
  work: (transaction: StoreTransaction) => Promise<T>,
  options: TransactionOptions = {},
): Promise<T> {
  const maxAttempts = options.maxAttempts ?? 5;
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await client.$transaction(work, {
        maxWait: options.maxWaitMs ?? 10_000,
        timeout: options.timeoutMs ?? 10_000,
        ...(options.isolationLevel === undefined ? {} : { isolationLevel: options.isolationLevel }),
      });
    } catch (error) {
      // Having waited maxWait once, twice is enough for a connection.
      const limit = isConflict(error) ? maxAttempts : isNotStarted(error) ? Math.min(2, maxAttempts) : 0;
      if (attempt >= limit) throw error;
      // Apart by a little, and by different amounts, so that the same ones do not meet again.
      await (options.sleep ?? sleep)(5 * 2 ** attempt * (0.5 + Math.random()));
    }
  }
}

/**
 * The same tables for single statements that need no transaction around them (role system): one round trip instead of
 * three.
 */
// The client has everything a transaction has; only its generic type says so differently.
export const outsideTransaction = (client: StoreClient): StoreTransaction => client as unknown as StoreTransaction;
