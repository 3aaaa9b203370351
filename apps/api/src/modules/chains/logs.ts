import { DomainError } from "@portolan/domain";
import { chainRepository, logRequestRepository, withTenant } from "@portolan/store";
import type { ApiDeps } from "../../api-deps.ts";
import type { Handler } from "../../http/handler.ts";
import { notFound } from "../../http/invalid-request.ts";

/** GET /v1/chains/{chain}/logs: asks the worker that owns the node's driver, and waits for a moment. */
export const chainLogs = (deps: ApiDeps): Handler<"chains.logs"> => {
  const { clients, clock, ids, updates, logWaitMs = 5_000 } = deps;

  return async ({ principal: { tenantId }, params: { chain: chainId }, query, caller }) => {
    const node = await withTenant(clients.app, tenantId, async (transaction) => {
      if ((await chainRepository.byId(transaction, tenantId, chainId)) === null) throw notFound("chain");
      return chainRepository.node(transaction, tenantId, chainId, query.node);
    });
    if (node === null) throw notFound("node of this chain");
    const id = ids.nextWith("lgr");
    const signal = AbortSignal.any([caller.signal, AbortSignal.timeout(logWaitMs)]);
    const ask = {
      id,
      tenantId,
      placementId: node.placementId,
      region: node.region,
      node: node.name,
      since: query.since === undefined ? null : new Date(query.since),
      limit: query.limit,
      createdAt: clock.now(),
    };
    try {
      let answered = updates.waitForLogs(id, signal);
      await withTenant(clients.app, tenantId, (transaction) => logRequestRepository.insert(transaction, ask));
      for (;;) {
        await answered;
        answered = updates.waitForLogs(id, signal);
        const lines = await withTenant(clients.app, tenantId, (transaction) =>
          logRequestRepository.answer(transaction, tenantId, id),
        );
        if (lines !== null) return { body: { node: node.name, lines } };
        if (signal.aborted) break;
      }
    } finally {
      await withTenant(clients.app, tenantId, (transaction) => logRequestRepository.remove(transaction, tenantId, id));
    }
    throw new DomainError({
      code: "region.unreachable",
      message: `No worker of the region ${node.region} has answered.`,
      hint: "Try again in a few seconds.",
      retryable: true,
    });
  };
};
