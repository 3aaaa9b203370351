import type { StoreTransaction } from "../clients/create-clients.ts";

/**
 * A chain that was to come from elsewhere and never ran here leaves nothing but its operation, so that it can be imported
 * again under the same ids. Its backup's files stay in the store: they were brought there by hand.
 */
export const forgetImport = async (transaction: StoreTransaction, chainId: string): Promise<void> => {
  const where = { chainId };
  await transaction.node.deleteMany({ where });
  await transaction.chainEvent.deleteMany({ where });
  await transaction.part.deleteMany({ where });
  await transaction.material.deleteMany({ where });
  await transaction.authorityKey.deleteMany({ where });
  await transaction.backup.deleteMany({ where });
  await transaction.placement.deleteMany({ where });
  // A chain that is purged lets its names go by itself; one whose row goes does not.
  await transaction.chainClaim.deleteMany({ where });
  await transaction.chain.deleteMany({ where: { id: chainId } });
};
