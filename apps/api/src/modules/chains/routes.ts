import type { OperationId } from "@portolan/contract";
import { chainRepository, regionRepository, type StoreTransaction, withTenant } from "@portolan/store";
import type { ApiDeps } from "../../api-deps.ts";
import type { Changes } from "../../http/change.ts";
import { toETag } from "../../http/etag.ts";
import type { Handlers } from "../../http/handler.ts";
import { notFound } from "../../http/invalid-request.ts";
import { presentPage, toPageRequestOf } from "../../http/page-token.ts";
import { exportChain } from "../exports/export-chain.ts";
import { importChain } from "../exports/import-chain.ts";
import { createExportSealer } from "../exports/seal-content.ts";
import { createChain, quoteChain } from "./create.ts";
import { chainLogs } from "./logs.ts";
import { presentChain, presentChainEvent, presentNode } from "./present.ts";
import { updateHandlers } from "./update.ts";
import { wishHandlers } from "./wish.ts";

type ChainOperation = Extract<OperationId, `chains.${string}`>;

export const gatewayUrls = async (transaction: StoreTransaction): Promise<Map<string, string>> =>
  new Map((await regionRepository.list(transaction)).map(({ slug, gatewayUrl }) => [slug, gatewayUrl]));

const demandChain = async (transaction: StoreTransaction, tenantId: string, id: string) => {
  const row = await chainRepository.byId(transaction, tenantId, id);
  if (row === null) throw notFound("chain");
  return row;
};

export const chainHandlers = (deps: ApiDeps, changes: Changes): Pick<Handlers, ChainOperation> => {
  const { clients, frameworks, grpcAddress } = deps;
  const sealer = createExportSealer({
    limits: deps.limits,
    ...(deps.passphraseCost === undefined ? {} : { cost: deps.passphraseCost }),
  });
  return {
    "chains.quote": quoteChain(deps, changes),
    "chains.create": createChain(deps, changes),
    "chains.logs": chainLogs(deps),
    ...wishHandlers(deps, changes),
    ...updateHandlers(deps, changes),
    "chains.export": exportChain(deps, changes, sealer),
    "chains.import": importChain(deps, changes, sealer),

    "chains.list": async ({ principal: { tenantId }, query }) => {
      const page = toPageRequestOf("chn", query);
      const { rows, urls } = await withTenant(clients.app, tenantId, async (transaction) => ({
        rows: await chainRepository.list(transaction, tenantId, { ...page, appId: query.appId }),
        urls: await gatewayUrls(transaction),
      }));
      return { body: presentPage(rows, (row) => presentChain(row, frameworks, { urls, grpcAddress })) };
    },

    "chains.get": async ({ principal: { tenantId }, params }) => {
      const { row, urls } = await withTenant(clients.app, tenantId, async (transaction) => ({
        row: await demandChain(transaction, tenantId, params.chain),
        urls: await gatewayUrls(transaction),
      }));
      return {
        body: presentChain(row, frameworks, { urls, grpcAddress }),
        headers: { etag: toETag(row.generation) },
      };
    },

    "chains.nodes": async ({ principal: { tenantId }, params, query }) => {
      const page = toPageRequestOf("nod", query);
      const rows = await withTenant(clients.app, tenantId, async (transaction) => {
        await demandChain(transaction, tenantId, params.chain);
        return {
          page: await chainRepository.nodes(transaction, tenantId, params.chain, page),
          outside: await chainRepository.outsideOf(transaction, tenantId, params.chain),
        };
      });
      return { body: presentPage(rows.page, (row) => presentNode(row, rows.outside)) };
    },

    "chains.events": async ({ principal: { tenantId }, params, query }) => {
      const page = toPageRequestOf("evt", query);
      const rows = await withTenant(clients.app, tenantId, async (transaction) => {
        await demandChain(transaction, tenantId, params.chain);
        return chainRepository.events(transaction, tenantId, params.chain, page);
      });
      return { body: presentPage(rows, presentChainEvent) };
    },
  };
};
