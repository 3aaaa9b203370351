import { type JsonObject, mostPartsOfKind } from "@portolan/domain";
import type { StoreTransaction } from "../clients/create-clients.ts";
import { type Part, Prisma } from "../generated/client.ts";
import { toJson } from "../reconcile/rows.ts";
import { idBefore, type Page, type PageRequest, toPage } from "./page.ts";

export type PartRow = Part;

/** A part, by id or by name: the two have different forms. */
export interface PartAddress {
  tenantId: string;
  chainId: string;
  kind: string;
  reference: string;
}

/** Deleted and gone from the network: only its name is left. */
const isThere = Prisma.sql`(deleted_at is null or observed_generation < generation)`;

/**
 * A chain's parts, as the API writes and reads them. Whoever writes holds the chain's row (`chainWishes.lock`), and ends
 * with `chainWishes.nudge`: a part that is not reached has a chain that is due.
 */
export const partRepository = {
  find: (transaction: StoreTransaction, address: PartAddress): Promise<PartRow | null> => {
    const { tenantId, chainId, kind, reference } = address;
    return transaction.part.findFirst({
      where: { tenantId, chainId, kind, OR: [{ id: reference }, { name: reference }] },
    });
  },

  /** Newest first, without those that are gone. */
  list: async (
    transaction: StoreTransaction,
    tenantId: string,
    input: PageRequest & { chainId: string; kind: string },
  ): Promise<Page<PartRow>> => {
    const where = { tenantId, chainId: input.chainId, kind: input.kind, id: idBefore(input) };
    const rows = await transaction.part.findMany({
      where: {
        ...where,
        OR: [{ deletedAt: null }, { observedGeneration: { lt: transaction.part.fields.generation } }],
      },
      orderBy: { id: "desc" },
      take: input.size + 1,
    });
    return toPage(rows, input.size, (row) => row.id);
  },

  /** All that the network has or should have, oldest first: the parts of the chain's spec. */
  ofChain: (transaction: StoreTransaction, tenantId: string, chainId: string): Promise<PartRow[]> =>
    transaction.part.findMany({
      where: {
        tenantId,
        chainId,
        OR: [{ deletedAt: null }, { observedGeneration: { lt: transaction.part.fields.generation } }],
      },
      orderBy: { id: "asc" },
    }),

  /** True when the chain has as many of the kind as it may have. */
  isFull: async (transaction: StoreTransaction, chainId: string, kind: string): Promise<boolean> => {
    const [row] = await transaction.$queryRaw<{ count: number }[]>`
      select count(*)::int as count from parts where chain_id = ${chainId} and kind = ${kind} and ${isThere}`;
    return (row?.count ?? 0) >= mostPartsOfKind;
  },

  insert: (
    transaction: StoreTransaction,
    part: {
      id: string;
      tenantId: string;
      chainId: string;
      kind: string;
      name: string;
      settings: JsonObject;
      createdAt: Date;
    },
  ): Promise<PartRow> => transaction.part.create({ data: { ...part, settings: toJson(part.settings) } }),

  /** Those deleted since `since` are wished gone once more: the chain gets data in which they still are. */
  wishGoneAgain: async (
    transaction: StoreTransaction,
    tenantId: string,
    chainId: string,
    since: Date,
  ): Promise<void> => {
    await transaction.part.updateMany({
      where: { tenantId, chainId, deletedAt: { gte: since } },
      data: { generation: { increment: 1 } },
    });
  },

  /** A new wish for it: its next generation. */
  wish: (
    transaction: StoreTransaction,
    part: Pick<PartRow, "id" | "tenantId">,
    wish: { settings: JsonObject; deletedAt: Date | null },
  ): Promise<PartRow> =>
    transaction.part.update({
      where: { id: part.id, tenantId: part.tenantId },
      data: { settings: toJson(wish.settings), deletedAt: wish.deletedAt, generation: { increment: 1 } },
    }),
};
