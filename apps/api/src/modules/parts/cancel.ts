import type { JsonObject, OperationKind } from "@portolan/domain";
import {
  chainWishes,
  type OperationRow,
  operationRepository,
  partRepository,
  type StoreTransaction,
  toChainSpec,
} from "@portolan/store";
import type { ApiDeps } from "../../api-deps.ts";
import { notFound } from "../../http/invalid-request.ts";
import { toGrowth } from "../chains/resize.ts";
import { notCancellable } from "../operations/not-cancellable.ts";

/** A creation is deleted again, an update goes back to the former settings. The caller holds the chain. */
export const cancelPart = async (
  deps: Pick<ApiDeps, "clock" | "frameworks">,
  transaction: StoreTransaction,
  operation: OperationRow,
  chainId: string,
): Promise<OperationRow> => {
  const { tenantId, targetId, targetType: kind } = operation;
  const now = deps.clock.now();
  const part = await partRepository.find(transaction, { tenantId, chainId, kind, reference: targetId });
  const chain = await chainWishes.lock(transaction, tenantId, chainId);
  if (part === null || chain === null) throw notFound("operation");
  const framework = deps.frameworks.find(chain.framework);
  const facts = framework?.parts.find((item) => item.kind === kind);
  const settings = part.settings as JsonObject;
  const wishes: { readonly [kind in OperationKind]?: { settings: JsonObject; deletedAt: Date | null } } = {
    "part.update": {
      settings: (operation.former as { settings?: JsonObject } | null)?.settings ?? settings,
      deletedAt: null,
    },
    ...(facts?.deletable === true ? { "part.create": { settings, deletedAt: now } } : {}),
  };
  const wish = wishes[operation.kind as OperationKind];
  if (wish === undefined) {
    throw notCancellable(
      `This can't be taken back on a ${facts?.title ?? kind}.`,
      operation.kind === "part.create" ? "Change its settings when it has ended, or delete the chain." : undefined,
    );
  }
  const wished = await partRepository.wish(transaction, part, wish);
  if (framework !== undefined) {
    const spec = toChainSpec(chain, await partRepository.ofChain(transaction, tenantId, chainId));
    const { nodeCount, storageBytes } = toGrowth(chain, framework, spec);
    await chainWishes.resize(transaction, { tenantId, id: chainId, nodeCount, storageBytes });
  }
  await chainWishes.nudge(transaction, tenantId, chainId, now);
  const marked = await operationRepository.markCancelling(transaction, operation, wished.generation);
  if (marked === null) throw notCancellable("The operation has ended.");
  return marked;
};
