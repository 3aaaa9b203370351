import {
  type ChainSpec,
  type JsonObject,
  type NodeSpec,
  toOrderHash,
  toReserveOrder,
  type Wish,
} from "@portolan/domain";
import type { StoreTransaction } from "../clients/create-clients.ts";
import type { Chain } from "../generated/client.ts";
import { toJson } from "../reconcile/rows.ts";

export interface NewChain {
  id: string;
  tenantId: string;
  appId: string;
  name: string;
  framework: string;
  version: string;
  plan: string;
  hosting: string;
  regions: readonly string[];
  settings: JsonObject;
  nodeCount: number;
  storageBytes: bigint;
  createdAt: Date;
  /** Made to stand by: nobody sees it through the API until it is adopted. For the role system only. */
  isStandby?: boolean;
}

/** What a creation asks for, for a chain that stands by to be exactly that. */
export interface Adoption {
  tenantId: string;
  appId: string;
  name: string;
  framework: string;
  version: string;
  plan: string;
  region: string;
  settings: JsonObject;
  nodeCount: number;
  storageBytes: bigint;
  now: Date;
}

/** What a tenant's chains reserve. Deleted ones do not count, though their volumes may stay for a while. */
export interface Reserved {
  chains: number;
  chainsPerApp: number;
  nodes: number;
  storageBytes: number;
}

/** How long a chain waits for the first region's addresses before the coordinator looks by itself. */
const patienceMs = 1_000;

const firstOrder = (spec: ChainSpec, nodes: readonly NodeSpec[], region: string) => {
  const order = toReserveOrder(
    spec,
    nodes.filter((node) => node.region === region),
  );
  return { workOrder: toJson({ ...order, generation: 1 }), orderHash: toOrderHash(order) };
};

/** Wishes: what the API writes of chains. The coordinator reads them and writes everything else. */
export const chainWishes = {
  /**
   * The chain and one placement a region. With `topology` each placement gets its first order, the reservation of
   * addresses, at once: nothing has to be decided for it, and the chain is due when the first region has answered, or
   * a second later. Without it, everything is due now.
   */
  insert: async (
    transaction: StoreTransaction,
    chain: NewChain,
    placements: readonly { id: string; region: string }[],
    topology?: (spec: ChainSpec) => readonly NodeSpec[],
  ): Promise<void> => {
    const { createdAt, settings, regions, ...columns } = chain;
    const [made] = await transaction.chain.createManyAndReturn({
      data: {
        ...columns,
        regions: [...regions],
        settings: toJson(settings),
        nextAt: topology === undefined ? createdAt : new Date(createdAt.getTime() + patienceMs),
        createdAt,
        updatedAt: createdAt,
      },
      select: { serial: true },
    });
    const spec: ChainSpec = { ...chain, chainId: chain.id, parts: [], generation: 1, serial: Number(made?.serial) };
    const nodes = topology?.(spec);
    await transaction.placement.createMany({
      data: placements.map(({ id, region }) => ({
        id,
        region,
        tenantId: chain.tenantId,
        chainId: chain.id,
        ...(nodes === undefined ? {} : firstOrder(spec, nodes, region)),
        // A generation that is not reached must be due.
        nextAt: createdAt,
        createdAt,
      })),
    });
  },

  /**
   * Makes one ready stand-by chain that is exactly what is asked for the tenant's own, and answers its id; null when
   * there is none. The database's own function decides: it is the only way to another tenant's row.
   */
  adopt: async (transaction: StoreTransaction, adoption: Adoption): Promise<string | null> => {
    const { tenantId, appId, name, framework, version, plan, region, nodeCount, storageBytes, now } = adoption;
    const settings = JSON.stringify(toJson(adoption.settings));
    const [row] = await transaction.$queryRaw<{ id: string | null }[]>`
      select adopt_standby_chain(${tenantId}, ${appId}, ${name}, ${framework}, ${version}, ${plan}, ${region},
        ${settings}::jsonb, ${nodeCount}::integer, ${storageBytes}::bigint, ${now}::timestamptz) as id`;
    return row?.id ?? null;
  },

  /** Holds the chain's row until the transaction ends, so that two wishes come one after the other. */
  lock: async (transaction: StoreTransaction, tenantId: string, id: string): Promise<Chain | null> => {
    await transaction.$queryRaw`select 1 as one from chains where id = ${id} and tenant_id = ${tenantId} for no key update`;
    return transaction.chain.findUnique({ where: { id, tenantId } });
  },

  /** Raises the generation and makes the chain due; the route's new version tells gateways at once. */
  wish: async (
    transaction: StoreTransaction,
    input: {
      tenantId: string;
      id: string;
      wish: Wish;
      now: Date;
      deletedAt: Date | null;
      purgeAt: Date | null;
      /**
       * The backup whose data it is to have. Without it a former one stays: data that a delete found half replaced is
       * replaced wholly when the chain comes back.
       */
      restoreBackupId?: string;
    },
  ): Promise<{ generation: number }> => {
    const { tenantId, id, wish, now, deletedAt, purgeAt, restoreBackupId } = input;
    return transaction.chain.update({
      where: { id, tenantId },
      data: {
        wish,
        deletedAt,
        purgeAt,
        ...(restoreBackupId === undefined ? {} : { restoreBackupId }),
        generation: { increment: 1 },
        routeVersion: { increment: 1 },
        nextAt: now,
        dirty: true,
        attempts: 0,
        updatedAt: now,
      },
      select: { generation: true },
    });
  },

  /** Looks at it again now, with fresh patience: the chain and its placements. */
  nudge: async (transaction: StoreTransaction, tenantId: string, id: string, now: Date): Promise<void> => {
    await transaction.chain.updateMany({ where: { id, tenantId }, data: { nextAt: now, dirty: true, attempts: 0 } });
    await transaction.placement.updateMany({ where: { chainId: id, tenantId }, data: { nextAt: now, attempts: 0 } });
  },

  /** The same for all chains of an app that are to run: they have the app's credentials. Answers which. */
  nudgeOfApp: async (transaction: StoreTransaction, tenantId: string, appId: string, now: Date): Promise<string[]> => {
    const where = { tenantId, appId, wish: "running" };
    const rows = await transaction.chain.findMany({ where, select: { id: true }, orderBy: { id: "asc" } });
    for (const { id } of rows) await chainWishes.nudge(transaction, tenantId, id, now);
    return rows.map(({ id }) => id);
  },

  /** What its wish reserves from now on: settings and parts have nodes. Not for the quota's decision, which comes first. */
  resize: async (
    transaction: StoreTransaction,
    input: { tenantId: string; id: string; nodeCount: number; storageBytes: bigint },
  ): Promise<void> => {
    const { tenantId, id, nodeCount, storageBytes } = input;
    await transaction.chain.update({ where: { id, tenantId }, data: { nodeCount, storageBytes } });
  },

  /** Settings, name, version and plan of the wish that `wish` raises the generation for. */
  describe: async (
    transaction: StoreTransaction,
    input: { tenantId: string; id: string; name: string; settings: JsonObject; version: string; plan: string },
  ): Promise<void> => {
    const { tenantId, id, name, settings, version, plan } = input;
    await transaction.chain.update({
      where: { id, tenantId },
      data: { name, settings: toJson(settings), version, plan },
    });
  },

  reserved: async (transaction: StoreTransaction, tenantId: string, appId: string): Promise<Reserved> => {
    const [row] = await transaction.$queryRaw<{ chains: bigint; ofApp: bigint; nodes: bigint; storage: bigint }[]>`
      select count(*) as chains, count(*) filter (where app_id = ${appId}) as "ofApp",
             coalesce(sum(node_count), 0)::bigint as nodes, coalesce(sum(storage_bytes), 0)::bigint as storage
      from chains where tenant_id = ${tenantId} and wish in ('running', 'paused')`;
    return {
      chains: Number(row?.chains ?? 0),
      chainsPerApp: Number(row?.ofApp ?? 0),
      nodes: Number(row?.nodes ?? 0),
      storageBytes: Number(row?.storage ?? 0),
    };
  },
};
