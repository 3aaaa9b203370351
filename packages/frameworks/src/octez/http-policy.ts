import type { HttpProblem, HttpProtocol } from "../http-policy.ts";
import { createHttpRpcPolicy } from "../http-policy.ts";
import { maxAnswerBytes, octezRoutes } from "./http-routes.ts";
import { octezValues } from "./http-values.ts";

/**
 * Why callers don't get what is in no table, in the order in which it is looked at. All of it would change or unveil the
 * node itself.
 */
const refused: HttpProtocol["refused"] = [
  { path: /^\/injection\/(?:block|protocol)$/, reason: "blocks and protocols come from the chain's own bakers" },
  { path: /^\/private(?:\/|$)/, reason: "it is between nodes" },
  { path: /^\/network(?:\/|$)/, reason: "peers are the plane's" },
  { path: /^\/(?:workers|stats|gc|profiler|errors|describe|metrics)(?:\/|$)/, reason: "node administration" },
  { path: /^\/config(?:\/|$)/, reason: "node administration" },
  { path: /^\/(?:fetch_protocol|protocols)(?:\/|$)/, reason: "protocols come with the node's release" },
  { verbs: ["PATCH", "PUT", "DELETE"], path: /^\//, reason: "it would change the node" },
  {
    path: /\/mempool\/(?:filter|ban_operation|unban_operation|unban_all_operations|request_operations)$/,
    reason: "what waits for a block is the node's to keep",
  },
  { path: /\/helpers\/(?:preapply|parse)\/block$/, reason: "blocks come from the chain's own bakers" },
  {
    path: /\/helpers\/(?:forge\/(?:protocol_data|bls_consensus_operations|signed_operations)|forge_block_header)$/,
    reason: "blocks come from the chain's own bakers",
  },
  { path: /\/context\/(?:raw|merkle_tree|merkle_tree_v2)(?:\/|$)/, reason: "its answers have no bound" },
  { path: /\/context\/(?:contracts|smart_rollups\/all)$/, reason: "its answers have no bound" },
];

/**
 * The errors of Tezos' own interface: a list, of which clients read `kind`, `id` and `msg` (Taquito's `HttpResponseError`
 * has it as `body`). `temporary`: the same may go well later.
 */
const renderProblem = ({ status, code, message, hint, requestId, retryAfterSeconds }: HttpProblem): string =>
  JSON.stringify([
    {
      kind: retryAfterSeconds === undefined && status < 500 ? "permanent" : "temporary",
      id: `portolan.${code}`,
      msg: `${message} ${hint}`,
      ...{ code, hint, requestId },
      ...(retryAfterSeconds === undefined ? {} : { retryAfterSeconds }),
    },
  ]);

/** What the gateway lets through to a Tezos node, and how it says no. */
export const octezHttp: HttpProtocol = {
  routes: octezRoutes,
  values: octezValues,
  refused,
  maxAnswerBytes,
  // The node's own access list, a proxy's errors. 500 is how it says that a protocol refused.
  faultStatuses: [401, 403, 502, 503, 504],
  maxStreams: { perKey: 8, perChain: 64 },
  renderProblem,
};

/** A block's worth of scripts may take its time. */
export const octezRpcPolicy = createHttpRpcPolicy(octezHttp, { timeoutMs: 30_000 });

/**
 * The same table as a node's access list (`acl[].whitelist` of its configuration), so that a node refuses what a gateway
 * that was wrong would let through.
 */
export const octezAccessList: readonly string[] = [
  ...new Set(octezRoutes.map(({ verb, path }) => `${verb} ${path.replaceAll(/\{\w+\}/g, "*")}`)),
];
