import type { StoreTransaction } from "../clients/create-clients.ts";

/** Names that only one living chain of the plane may have, whoever's it is. A chain's are let go when it is purged. */
export const chainClaimRepository = {
  /** Those that some chain has now. Another may be quicker all the same: `take` decides. */
  taken: async (transaction: StoreTransaction, names: readonly string[]): Promise<string[]> => {
    if (names.length === 0) return [];
    const rows = await transaction.$queryRaw<{ name: string }[]>`select claims_taken(${[...names]}::text[]) as name`;
    return rows.map(({ name }) => name);
  },

  /**
   * Answers the names that could not be had; none: all are the chain's. Where another transaction has just asked for one
   * it waits for its end, so that of two exactly one has it. Names are taken in one order, lest two wait for each other.
   */
  take: async (
    transaction: StoreTransaction,
    { tenantId, chainId, names }: { tenantId: string; chainId: string; names: readonly string[] },
  ): Promise<string[]> => {
    const refused: string[] = [];
    for (const name of [...new Set(names)].sort()) {
      const count = await transaction.$executeRaw`
        insert into chain_claims (name, tenant_id, chain_id) values (${name}, ${tenantId}, ${chainId})
        on conflict (name) do nothing`;
      if (count === 0) refused.push(name);
    }
    return refused;
  },
};
