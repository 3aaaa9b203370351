import type { OperationId } from "@portolan/contract";
import type { ChainAddresses, ChainDocument } from "@portolan/frameworks";
import { chainRepository, loadChainFacts, withTenant } from "@portolan/store";
import type { ApiDeps } from "../../api-deps.ts";
import type { Handlers } from "../../http/handler.ts";
import { notFound } from "../../http/invalid-request.ts";
import { pageOfList } from "../../http/page-token.ts";
import { gatewayUrls } from "../chains/routes.ts";

type DocumentOperation = Extract<OperationId, `documents.${string}`>;

const toGrpc = async ({ grpcAddress }: ApiDeps, chainId: string): Promise<ChainAddresses["grpc"]> => {
  if (grpcAddress === undefined) return undefined;
  const authorityPem = await grpcAddress.authority();
  return { ...grpcAddress.of(chainId), ...(authorityPem === undefined ? {} : { authorityPem }) };
};

/** Who asks right after the creation is told why there is none. */
const missingHint = (documents: readonly ChainDocument[]): string =>
  documents.length === 0
    ? "There is none yet: a chain has those of its framework once its keys and files are made."
    : `There are: ${documents.map(({ name }) => name).join(", ")}.`;

export const documentHandlers = (deps: ApiDeps): Pick<Handlers, DocumentOperation> => {
  const { clients, frameworks } = deps;

  const load = async (tenantId: string, chainId: string): Promise<readonly ChainDocument[]> => {
    const found = await withTenant(clients.app, tenantId, async (transaction) => ({
      row: await chainRepository.byId(transaction, tenantId, chainId),
      urls: await gatewayUrls(transaction),
    }));
    const facts = found.row === null ? null : await loadChainFacts(clients.system, tenantId, chainId);
    if (facts === null) throw notFound("chain");
    // Before anything was made, and after everything is gone, there is nothing to take home.
    if (facts.material.length === 0) return [];
    const http = facts.spec.regions.flatMap((region) => {
      const url = found.urls.get(region);
      return url === undefined ? [] : [[region, `${url.replace(/\/$/, "")}/${chainId}`] as const];
    });
    const grpc = await toGrpc(deps, chainId);
    const addresses: ChainAddresses = { http: Object.fromEntries(http), ...(grpc === undefined ? {} : { grpc }) };
    const { spec, material, view } = facts;
    return frameworks.find(spec.framework)?.documents?.(spec, material, view, addresses) ?? [];
  };

  return {
    "documents.list": async ({ principal: { tenantId }, params, query }) => {
      const documents = await load(tenantId, params.chain);
      const entries = documents.map(({ name, mediaType, title }) => ({ name, mediaType, title }));
      return { body: pageOfList(entries, query) };
    },

    "documents.get": async ({ principal: { tenantId }, params }) => {
      const documents = await load(tenantId, params.chain);
      const found = documents.find(({ name }) => name === params.document);
      if (found === undefined) throw notFound("document", missingHint(documents));
      const { name, mediaType, title, content } = found;
      return { body: { name, mediaType, title, content } };
    },
  };
};
