import type { OperationId } from "@portolan/contract";
import { isDone, type OperationState } from "@portolan/domain";
import { type OperationRow, operationRepository, withTenant } from "@portolan/store";
import type { ApiDeps } from "../../api-deps.ts";
import type { Changes } from "../../http/change.ts";
import type { Handlers } from "../../http/handler.ts";
import { notFound } from "../../http/invalid-request.ts";
import { presentPage, toPageRequestOf } from "../../http/page-token.ts";
import { cancelHandlers } from "./cancel.ts";
import { followOperation } from "./follow.ts";
import { presentOperation } from "./present.ts";

type OperationOperation = Extract<OperationId, `operations.${string}`>;

export const operationHandlers = (deps: ApiDeps, changes: Changes): Pick<Handlers, OperationOperation> => {
  const { clients, updates } = deps;
  const read = (tenantId: string, id: string) => (): Promise<OperationRow | null> =>
    withTenant(clients.app, tenantId, (transaction) => operationRepository.byId(transaction, tenantId, id));

  return {
    ...cancelHandlers(deps, changes),

    "operations.list": async ({ principal: { tenantId }, query }) => {
      const input = { ...toPageRequestOf("opr", query), chainId: query.chainId, state: query.state };
      const rows = await withTenant(clients.app, tenantId, (transaction) =>
        operationRepository.list(transaction, tenantId, input),
      );
      return { body: presentPage(rows, presentOperation) };
    },

    "operations.get": async ({ principal: { tenantId }, params, query, caller }) => {
      let last: OperationRow | null = null;
      if (query.wait === 0) last = await read(tenantId, params.operation)();
      else {
        const signal = AbortSignal.any([caller.signal, AbortSignal.timeout(query.wait * 1_000)]);
        for await (const row of followOperation(updates, params.operation, read(tenantId, params.operation), signal))
          last = row;
      }
      if (last === null) throw notFound("operation");
      return { body: presentOperation(last) };
    },

    "operations.events": async function* ({ principal: { tenantId }, params, caller }) {
      let isThere = false;
      for await (const row of followOperation(
        updates,
        params.operation,
        read(tenantId, params.operation),
        caller.signal,
      )) {
        isThere = true;
        const isOver = isDone(row.state as OperationState);
        // A client that comes back has the state of its last event; the end is told in any case.
        if (String(row.version) === caller.lastEventId && !isOver) continue;
        yield { id: String(row.version), event: isOver ? "done" : "operation", data: presentOperation(row) };
      }
      if (!isThere) throw notFound("operation");
    },
  };
};
