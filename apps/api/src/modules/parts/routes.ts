import { operations, type Route, toPartDescriptions, toPartRoutes } from "@portolan/contract";
import type { Principal } from "@portolan/domain";
import { builtInPartKinds, type PartKind } from "@portolan/frameworks";
import { chainRepository, loadChainFacts, partRepository, withTenant } from "@portolan/store";
import type { ApiDeps } from "../../api-deps.ts";
import type { Changes } from "../../http/change.ts";
import { toETag } from "../../http/etag.ts";
import type { Answer, Caller } from "../../http/handler.ts";
import { notFound } from "../../http/invalid-request.ts";
import { presentPage, toPageRequestOf } from "../../http/page-token.ts";
import { type PartRequest, partChanges } from "./change.ts";
import { presentPart } from "./present.ts";
import { demandKind } from "./target.ts";

/** A handler of generated routes: its request is typed by what the route's schemas have let through. */
interface AnyRequest {
  params: unknown;
  query: unknown;
  body: unknown;
  principal: Principal | null;
  caller: Caller;
}

export interface PartOperation {
  operationId: string;
  route: Route;
  description: string;
  /** Not in the contract's own table: a framework that the operator added has it. */
  isExtra: boolean;
  handler(request: AnyRequest): Promise<Answer<unknown>>;
}

const createHandlers = (
  deps: ApiDeps,
  changes: Changes,
  { kind, plural, idPrefix }: PartKind,
): { readonly [verb: string]: PartOperation["handler"] } => {
  const { clients, frameworks } = deps;
  const change = partChanges(deps, changes, plural);

  const toRequest = ({ params, principal, caller, body }: AnyRequest): PartRequest => {
    const { chain, [kind]: reference } = params as { chain: string; [name: string]: string | undefined };
    if (principal === null) throw notFound("chain");
    const named = reference === undefined ? {} : { reference };
    return { principal, caller, chainId: chain, body: (body ?? null) as PartRequest["body"], ...named };
  };

  /** The caller's chain with what its framework knows of it. */
  const loadOwner = async ({ principal: { tenantId }, chainId }: PartRequest) => {
    const row = await withTenant(clients.app, tenantId, (transaction) =>
      chainRepository.byId(transaction, tenantId, chainId),
    );
    const facts = row === null ? null : await loadChainFacts(clients.system, tenantId, chainId);
    if (facts === null) throw notFound("chain");
    return { facts, framework: demandKind(frameworks, facts.spec.framework, plural).framework };
  };

  return {
    create: (request) => change.create(toRequest(request)),
    update: (request) => change.update(toRequest(request)),
    delete: (request) => change.delete({ ...toRequest(request), body: null }),

    list: async (request) => {
      const wanted = toRequest(request);
      const { tenantId } = wanted.principal;
      const page = toPageRequestOf(idPrefix, request.query as Parameters<typeof toPageRequestOf>[1]);
      const { facts, framework } = await loadOwner(wanted);
      const rows = await withTenant(clients.app, tenantId, (transaction) =>
        partRepository.list(transaction, tenantId, { ...page, chainId: wanted.chainId, kind }),
      );
      return { body: presentPage(rows, (row) => presentPart(row, framework, facts)) };
    },

    get: async (request) => {
      const { principal, chainId, reference = "", ...wanted } = toRequest(request);
      const { facts, framework } = await loadOwner({ principal, chainId, ...wanted });
      const { tenantId } = principal;
      const row = await withTenant(clients.app, tenantId, (transaction) =>
        partRepository.find(transaction, { tenantId, chainId, kind, reference }),
      );
      if (row === null) throw notFound(kind);
      return { body: presentPart(row, framework, facts), headers: { etag: toETag(row.generation) } };
    },
  };
};

/** Every operation on parts: of the kinds that the contract has, and of frameworks that the operator added. */
export const partOperations = (deps: ApiDeps, changes: Changes): PartOperation[] => {
  const known = new Set<string>(operations.map(([operationId]) => operationId));
  const kinds = new Map<string, PartKind>();
  for (const kind of [...builtInPartKinds, ...deps.frameworks.list().flatMap(({ parts }) => parts)])
    if (!kinds.has(kind.plural)) kinds.set(kind.plural, kind);
  return [...kinds.values()].flatMap((kind) => {
    const handlers = createHandlers(deps, changes, kind);
    const descriptions = toPartDescriptions(kind);
    return Object.entries(toPartRoutes(kind)).flatMap(([operationId, route]): PartOperation[] => {
      const handler = handlers[operationId.split(".")[1] ?? ""];
      if (handler === undefined) return [];
      return [
        { operationId, route, description: descriptions[operationId] ?? "", isExtra: !known.has(operationId), handler },
      ];
    });
  });
};
