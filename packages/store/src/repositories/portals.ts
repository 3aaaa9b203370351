import type { Policy, PriceBook } from "@portolan/domain";
import { parsePriceBook, policySchema } from "@portolan/domain";
import type { StoreTransaction } from "../clients/create-clients.ts";
import type { Portal } from "../generated/client.ts";

export interface PortalRecord extends Omit<Portal, "policy"> {
  policy: Policy;
}

const parse = (row: Portal | null): PortalRecord | null =>
  row === null ? null : { ...row, policy: policySchema.parse(row.policy) };

/** Portals and their price books: readable by both roles, written by `seed` and the operator. */
export const portalRepository = {
  bySlug: async (transaction: StoreTransaction, slug: string): Promise<PortalRecord | null> =>
    parse(await transaction.portal.findUnique({ where: { slug } })),

  byId: async (transaction: StoreTransaction, id: string): Promise<PortalRecord | null> =>
    parse(await transaction.portal.findUnique({ where: { id } })),

  /** The newest book already valid: it holds the old prices too, so it prices all the past. */
  priceBook: async (transaction: StoreTransaction, portalId: string, at: Date): Promise<PriceBook | null> => {
    const row = await transaction.priceBook.findFirst({
      where: { portalId, validFrom: { lte: at } },
      orderBy: { version: "desc" },
    });
    return row === null ? null : parsePriceBook(row.prices);
  },
};
