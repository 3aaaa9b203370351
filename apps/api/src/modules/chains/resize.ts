import type { ChainSpec } from "@portolan/domain";
import type { Framework } from "@portolan/frameworks";
import { chainWishes, type StoreTransaction, tenantRepository } from "@portolan/store";
import { demandQuota, quotaLines } from "./appraise.ts";
import type { LockedChain } from "./guards.ts";
import { quotedNodes } from "./quoted-nodes.ts";

/** What a chain that is there would use more (or less) as `spec` describes it. */
export const toGrowth = (
  chain: Pick<LockedChain, "nodeCount" | "storageBytes">,
  framework: Framework,
  spec: ChainSpec,
): { nodeCount: number; storageBytes: bigint; moreNodes: number; moreBytes: bigint } => {
  const facts = framework.plans.find(({ plan }) => plan === spec.plan);
  const nodes = facts === undefined ? [] : quotedNodes(framework, facts, spec);
  const nodeCount = nodes.length;
  const storageBytes = nodes.reduce((sum, node) => sum + node.storageBytes, 0n);
  return {
    nodeCount,
    storageBytes,
    moreNodes: nodeCount - chain.nodeCount,
    moreBytes: storageBytes - chain.storageBytes,
  };
};

/** Writes what the chain reserves from now on. Throws `quota.exceeded` where it grows beyond the tenant's limits. */
export const resizeChain = async (
  transaction: StoreTransaction,
  chain: LockedChain,
  framework: Framework,
  spec: ChainSpec,
): Promise<void> => {
  const { tenantId, appId, id } = chain;
  const { nodeCount, storageBytes, moreNodes, moreBytes } = toGrowth(chain, framework, spec);
  if (moreNodes === 0 && moreBytes === 0n) return;
  if (moreNodes > 0 || moreBytes > 0n) {
    const overrides = await tenantRepository.lockQuota(transaction, tenantId);
    const more = { nodeCount: Math.max(0, moreNodes), storageBytes: moreBytes > 0n ? moreBytes : 0n };
    demandQuota(await quotaLines(transaction, { tenantId, appId, overrides, ...more, newChains: 0 }));
  }
  await chainWishes.resize(transaction, { tenantId, id, nodeCount, storageBytes });
};
