import { createHash } from "node:crypto";
import { type Clock, canonicalJson, type IdSource } from "@portolan/domain";
import type { StoreClient } from "../clients/create-clients.ts";
import { inTransaction } from "../clients/with-tenant.ts";
import type { AuditEvent } from "../generated/client.ts";

/** What a tenant's chain of hashes starts from. */
const origin = "0".repeat(64);

/** The hash of an audit row: everything it says, and the hash of the row before. */
export const auditHash = (row: Omit<AuditEvent, "hash" | "previousHash">, previousHash: string): string =>
  createHash("sha256")
    .update(
      canonicalJson({
        id: row.id,
        tenantId: row.tenantId,
        seq: String(row.seq),
        actorType: row.actorType,
        actorId: row.actorId,
        action: row.action,
        targetType: row.targetType,
        targetId: row.targetId,
        detail: row.detail,
        requestId: row.requestId,
        createdAt: row.createdAt.toISOString(),
        previousHash,
      }),
    )
    .digest("hex");

const batchSize = 500;

/**
 * Chains audit rows by hash, in each tenant's own sequence, and signs a checkpoint over the last one. The only writer
 * of hashes: an advisory lock keeps a second sealer out. Answers how many rows were sealed.
 */
export const sealAudit = async (deps: {
  client: StoreClient;
  ids: IdSource;
  clock: Clock;
  sign(data: Uint8Array): Promise<{ signature: Uint8Array; keyRef: string }>;
}): Promise<number> => {
  const tenants = await deps.client.auditEvent.findMany({
    where: { hash: null },
    distinct: ["tenantId"],
    select: { tenantId: true },
    take: 200,
  });
  let sealed = 0;
  for (const { tenantId } of tenants) sealed += await sealTenant(deps, tenantId);
  return sealed;
};

const sealTenant = async (deps: Parameters<typeof sealAudit>[0], tenantId: string): Promise<number> => {
  const last = await inTransaction(deps.client, async (transaction) => {
    const [lock] = await transaction.$queryRaw<
      { held: boolean }[]
    >`select pg_try_advisory_xact_lock(1347375700, hashtext(${tenantId})) as held`;
    if (lock?.held !== true) return null;
    const rows = await transaction.auditEvent.findMany({
      where: { tenantId, hash: null },
      orderBy: { seq: "asc" },
      take: batchSize,
    });
    const first = rows[0];
    if (first === undefined) return null;
    const before = await transaction.auditEvent.findFirst({
      where: { tenantId, seq: { lt: first.seq } },
      orderBy: { seq: "desc" },
    });
    // A gap means that an earlier row has not committed yet: it is sealed in its turn, never skipped.
    let expected = (before?.seq ?? 0n) + 1n;
    let previousHash = before === null ? origin : before.hash;
    let count = 0;
    let seq = 0n;
    for (const row of rows) {
      if (row.seq !== expected || previousHash === null) break;
      const hash = auditHash(row, previousHash);
      await transaction.auditEvent.update({ where: { id: row.id }, data: { hash, previousHash } });
      previousHash = hash;
      seq = row.seq;
      expected += 1n;
      count += 1;
    }
    return count === 0 || previousHash === null ? null : { seq, hash: previousHash, count };
  });
  if (last === null) return 0;
  const { signature, keyRef } = await deps.sign(
    Buffer.from(canonicalJson({ tenantId, seq: String(last.seq), hash: last.hash }), "utf8"),
  );
  await deps.client.auditCheckpoint.createMany({
    data: {
      id: deps.ids.nextWith("ckp"),
      tenantId,
      seq: last.seq,
      hash: last.hash,
      signature: Buffer.from(signature).toString("base64"),
      keyRef,
      createdAt: deps.clock.now(),
    },
    skipDuplicates: true,
  });
  return last.count;
};
