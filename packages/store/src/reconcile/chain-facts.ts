import type { ChainSpec, ChainView, MaterialItem } from "@portolan/domain";
import type { StoreClient } from "../clients/create-clients.ts";
import { inTransaction } from "../clients/with-tenant.ts";
import { loadMaterial, mergeViews, toChainSpec } from "./load-chain-work.ts";
import { fromJson } from "./rows.ts";

/** A chain as its framework describes it to its owner: no secret is in it. */
export interface ChainFacts {
  spec: ChainSpec;
  material: readonly MaterialItem[];
  view: ChainView | null;
}

/** Null: the tenant has no such chain. With the system role (named use: a chain's public material, for its tenant). */
export const loadChainFacts = (client: StoreClient, tenantId: string, chainId: string): Promise<ChainFacts | null> =>
  inTransaction(client, async (transaction) => {
    const chain = await transaction.chain.findUnique({ where: { id: chainId, tenantId } });
    if (chain === null) return null;
    const parts = await transaction.part.findMany({
      where: {
        chainId,
        OR: [{ deletedAt: null }, { observedGeneration: { lt: transaction.part.fields.generation } }],
      },
      orderBy: { id: "asc" },
    });
    const placements = await transaction.placement.findMany({
      where: { chainId },
      orderBy: { region: "asc" },
      select: { view: true },
    });
    return {
      spec: toChainSpec(chain, parts),
      material: await loadMaterial(transaction, chainId),
      view: mergeViews(placements.map(({ view }) => ({ view: fromJson(view) }))),
    };
  });
