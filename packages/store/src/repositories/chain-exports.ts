import type { BackupCopy, JsonObject, JsonValue, NodeAddress, SignatureAlgorithm } from "@portolan/domain";
import type { StoreTransaction } from "../clients/create-clients.ts";
import type { Chain } from "../generated/client.ts";
import { fromJson, toJson } from "../reconcile/rows.ts";
import { partRepository } from "./parts.ts";

/** A part as another plane needs to know it: also one that is deleted, whose name is used up. */
export interface PortablePart {
  id: string;
  kind: string;
  name: string;
  settings: JsonObject;
  generation: number;
  observedGeneration: number;
  createdAt: Date;
  deletedAt: Date | null;
}

export interface PortablePlacement {
  id: string;
  region: string;
  addresses: readonly NodeAddress[];
}

export interface PortableMaterial {
  name: string;
  version: number;
  kind: string;
  owner: string;
  public: JsonValue;
  sealed: Uint8Array | null;
  expiresAt: Date | null;
  renewAt: Date | null;
  createdAt: Date;
}

export interface PortableKey {
  ref: string;
  algorithm: SignatureAlgorithm;
  publicKey: string;
  sealed: Uint8Array;
}

/** Everything of a chain that its data does not have, sealed as it is in the database. */
export interface ChainBelongings {
  parts: readonly PortablePart[];
  placements: readonly PortablePlacement[];
  materials: readonly PortableMaterial[];
  authorityKeys: readonly PortableKey[];
}

export interface ImportedChain extends ChainBelongings {
  chain: Pick<
    Chain,
    "id" | "tenantId" | "appId" | "name" | "framework" | "version" | "plan" | "hosting" | "regions" | "nodeCount"
  > & { settings: JsonObject; storageBytes: bigint; originSerial: bigint };
  backup: {
    id: string;
    operationId: string;
    version: string;
    nodes: readonly string[];
    copies: readonly BackupCopy[];
    takenAt: Date;
  };
}

/** What goes out with a chain and comes in with one. With the system role (named use: export and import). */
export const chainExportRepository = {
  /** Of a chain of the tenant, which the caller has found; read at one moment where the transaction says so. */
  load: async (transaction: StoreTransaction, tenantId: string, chainId: string): Promise<ChainBelongings> => {
    const where = { tenantId, chainId };
    const placements = await transaction.placement.findMany({
      where,
      select: { id: true, region: true, addresses: true },
      orderBy: { id: "asc" },
    });
    const parts = await transaction.part.findMany({ where, orderBy: { id: "asc" } });
    const materials = await transaction.material.findMany({
      where,
      omit: { sealed: false },
      orderBy: [{ name: "asc" }, { version: "asc" }],
    });
    const keys = await transaction.authorityKey.findMany({
      where,
      omit: { sealed: false },
      orderBy: { ref: "asc" },
    });
    return {
      placements: placements.map((row) => ({ ...row, addresses: fromJson<NodeAddress[]>(row.addresses) })),
      parts: parts.map(({ tenantId: _tenant, chainId: _chain, settings, ...part }) => ({
        ...part,
        settings: fromJson<JsonObject>(settings),
      })),
      materials: materials.map(({ id: _id, tenantId: _tenant, chainId: _chain, ...row }) => ({
        ...row,
        public: fromJson<JsonValue>(row.public),
      })),
      authorityKeys: keys.map(({ ref, algorithm, publicKey, sealed }) => ({
        ref,
        algorithm: algorithm as SignatureAlgorithm,
        publicKey,
        sealed,
      })),
    };
  },

  /**
   * The chain with all that it has, due at once, with its backup as the one to have. False: something of it is in this
   * plane already, and the transaction must be given up.
   */
  insert: async (
    transaction: StoreTransaction,
    { chain, backup, ...belongings }: ImportedChain,
    nextId: (prefix: string) => string,
    now: Date,
  ): Promise<boolean> => {
    const { id: chainId, tenantId } = chain;
    const { parts, placements, materials, authorityKeys } = belongings;
    // A former try may have left versions and fences where they don't go away: what comes now is newer than all of them.
    const start = BigInt(now.getTime());
    const made = await transaction.chain.createMany({
      data: {
        ...{ ...chain, settings: toJson(chain.settings), restoreBackupId: backup.id },
        ...{ routeVersion: start, nextAt: now, createdAt: now, updatedAt: now },
      },
      skipDuplicates: true,
    });
    const placed = await transaction.placement.createMany({
      data: placements.map(({ id, region, addresses }) => ({
        ...{ id, region, tenantId, chainId, addresses: toJson(addresses), fence: start, nextAt: now, createdAt: now },
      })),
      skipDuplicates: true,
    });
    const named = await transaction.part.createMany({
      data: parts.map((part) => ({ ...part, settings: toJson(part.settings), tenantId, chainId })),
      skipDuplicates: true,
    });
    const { takenAt, nodes, copies, ...columns } = backup;
    const backedUp = await transaction.backup.createMany({
      data: {
        ...{ ...columns, tenantId, chainId, state: "ready", framework: chain.framework, nodes: toJson(nodes) },
        ...{ copies: toJson(copies), sizeBytes: copies.reduce((sum, copy) => sum + BigInt(copy.sizeBytes), 0n) },
        // From now on it is kept, and counted, here.
        ...{ createdAt: takenAt, endedAt: now },
      },
      skipDuplicates: true,
    });
    if (made.count + backedUp.count !== 2) return false;
    if (placed.count !== placements.length || named.count !== parts.length) return false;
    await partRepository.wishGoneAgain(transaction, tenantId, chainId, takenAt);
    await transaction.material.createMany({
      data: materials.map((row) => ({
        ...row,
        ...{ id: nextId("mat"), tenantId, chainId, public: toJson(row.public) },
        sealed: row.sealed === null ? null : new Uint8Array(row.sealed),
      })),
    });
    await transaction.authorityKey.createMany({
      data: authorityKeys.map((key) => ({
        ...{ ...key, id: nextId("aky"), tenantId, chainId, sealed: new Uint8Array(key.sealed) },
      })),
    });
    return true;
  },
};
