import type { NodeAddress, OutsideAddress } from "@portolan/domain";
import type { StoreTransaction } from "../clients/create-clients.ts";
import type { Chain, ChainEvent, Node } from "../generated/client.ts";
import { fromJson } from "../reconcile/rows.ts";
import { idBefore, type Page, type PageRequest, toPage } from "./page.ts";

const columns = {
  id: true,
  tenantId: true,
  appId: true,
  serial: true,
  name: true,
  framework: true,
  version: true,
  plan: true,
  hosting: true,
  regions: true,
  settings: true,
  wish: true,
  generation: true,
  observedGeneration: true,
  phase: true,
  conditions: true,
  deletedAt: true,
  purgeAt: true,
  createdAt: true,
} as const;

/** A chain as its readers see it, without what only the reconciler needs. */
export type ChainRow = Pick<Chain, keyof typeof columns>;
export type NodeRow = Node;
export type ChainEventRow = ChainEvent;

export const chainRepository = {
  byId: (transaction: StoreTransaction, tenantId: string, id: string): Promise<ChainRow | null> =>
    transaction.chain.findUnique({ where: { id, tenantId }, select: columns }),

  /** Newest first, without purged ones. */
  list: async (
    transaction: StoreTransaction,
    tenantId: string,
    input: PageRequest & { appId?: string | undefined },
  ): Promise<Page<ChainRow>> => {
    const rows = await transaction.chain.findMany({
      where: {
        tenantId,
        id: idBefore(input),
        wish: { not: "purged" },
        ...(input.appId === undefined ? {} : { appId: input.appId }),
      },
      orderBy: { id: "desc" },
      take: input.size + 1,
      select: columns,
    });
    return toPage(rows, input.size, (row) => row.id);
  },

  nodes: async (
    transaction: StoreTransaction,
    tenantId: string,
    chainId: string,
    page: PageRequest,
  ): Promise<Page<NodeRow>> => {
    const rows = await transaction.node.findMany({
      where: { tenantId, chainId, ...(page.after === undefined ? {} : { id: { gt: page.after } }) },
      orderBy: { id: "asc" },
      take: page.size + 1,
    });
    return toPage(rows, page.size, (row) => row.id);
  },

  /** Where callers from outside reach a chain's nodes, by placement and node (`<placement>/<node>`). */
  outsideOf: async (
    transaction: StoreTransaction,
    tenantId: string,
    chainId: string,
  ): Promise<ReadonlyMap<string, OutsideAddress>> => {
    const rows = await transaction.placement.findMany({
      where: { tenantId, chainId },
      select: { id: true, addresses: true },
    });
    return new Map(
      rows.flatMap(({ id, addresses }) =>
        fromJson<NodeAddress[]>(addresses).flatMap(({ node, outside }) =>
          outside === undefined ? [] : [[`${id}/${node}`, outside] as const],
        ),
      ),
    );
  },

  /** The named node, or the chain's first. */
  node: (
    transaction: StoreTransaction,
    tenantId: string,
    chainId: string,
    name: string | undefined,
  ): Promise<NodeRow | null> =>
    transaction.node.findFirst({
      where: { tenantId, chainId, ...(name === undefined ? {} : { name }) },
      orderBy: { id: "asc" },
    }),

  /** Names of the nodes that run, or ran last, this version. */
  nodesOfVersion: async (
    transaction: StoreTransaction,
    tenantId: string,
    chainId: string,
    version: string,
  ): Promise<string[]> => {
    const where = { tenantId, chainId, version };
    const rows = await transaction.node.findMany({ where, orderBy: { id: "asc" }, select: { name: true } });
    return rows.map(({ name }) => name);
  },

  events: async (
    transaction: StoreTransaction,
    tenantId: string,
    chainId: string,
    page: PageRequest,
  ): Promise<Page<ChainEventRow>> => {
    const rows = await transaction.chainEvent.findMany({
      where: { tenantId, chainId, id: idBefore(page) },
      orderBy: { id: "desc" },
      take: page.size + 1,
    });
    return toPage(rows, page.size, (row) => row.id);
  },
};
