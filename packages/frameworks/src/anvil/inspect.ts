import type { ChainView, JsonObject, NodeView } from "@portolan/domain";
import { z } from "zod";
import type { InspectInput } from "../framework.ts";
import { exchangeJson } from "../http-exchange.ts";
import { evmChainId } from "./settings.ts";
import { nodeName, ports } from "./topology.ts";

const rpcTimeoutMs = 3_000;
const keeperTimeoutMs = 1_000;

const quantity = z.string().regex(/^0x[0-9a-f]{1,64}$/);
const rpcAnswer = z.array(z.object({ id: z.number(), result: z.unknown() }));
const metadata = z.object({ instanceId: z.string() });
const keeperStatus = z.object({
  loaded: z.boolean(),
  instance: z.string().nullable(),
  problem: z.string().nullable(),
  savedAt: z.string().nullable(),
});
type KeeperStatus = z.output<typeof keeperStatus>;

interface RpcFindings {
  chainId: string;
  height: string;
  /** anvil's own id of this run: another after each start and each `anvil_reset`. */
  instance: string;
}

const askRpc = async ({ access }: InspectInput): Promise<RpcFindings> => {
  const { host, port } = await access.dial(nodeName, ports.rpc);
  const methods = ["eth_chainId", "eth_blockNumber", "anvil_metadata"];
  const body = methods.map((method, id) => ({ jsonrpc: "2.0", id, method, params: [] }));
  const answer = await exchangeJson({ host, port, path: "/", body, timeoutMs: rpcTimeoutMs, signal: access.signal });
  const results = new Map(rpcAnswer.parse(answer).map(({ id, result }) => [id, result]));
  return {
    chainId: BigInt(quantity.parse(results.get(0))).toString(),
    height: BigInt(quantity.parse(results.get(1))).toString(),
    instance: metadata.parse(results.get(2)).instanceId,
  };
};

const askKeeper = async ({ access }: InspectInput): Promise<KeeperStatus | null> => {
  try {
    const { host, port } = await access.dial(nodeName, ports.keeper);
    const path = "/status";
    const answer = await exchangeJson({ host, port, path, timeoutMs: keeperTimeoutMs, signal: access.signal });
    return keeperStatus.parse(answer);
  } catch {
    return null;
  }
};

/** What the chain id must be: from the wish if it is known, otherwise what was seen of this chain before. */
const expectedChainId = ({ chain, previous }: InspectInput): string | undefined => {
  if (chain.serial !== undefined) return String(evmChainId({ serial: chain.serial, settings: chain.settings }));
  const [wished, seen] = [chain.settings["chainId"], previous?.facts["chainId"]];
  if (typeof wished === "number") return String(wished);
  return typeof seen === "string" ? seen : undefined;
};

/**
 * A node that never was live has no state to wait for, so it is well as soon as it answers, and so is a run of anvil
 * that was well at the last look. Other runs are well only when the keeper has put the state back into this very run:
 * until then callers would see an empty chain. A keeper that names a problem is believed in every case.
 */
const judge = (input: InspectInput, rpc: RpcFindings, keeper: KeeperStatus | null): NodeView => {
  const expected = expectedChainId(input);
  const base = { height: rpc.height, detail: { chainId: rpc.chainId, savedAt: keeper?.savedAt ?? null } };
  if (expected !== undefined && expected !== rpc.chainId) {
    return { ...base, healthy: false, reason: `chain id is ${rpc.chainId}, not ${expected}` };
  }
  const starts = input.access.observations.find(({ node }) => node === nodeName)?.incarnation ?? 0;
  const { previous } = input;
  const isFirstLife = input.chain.isImported !== true && previous?.facts["everHealthy"] !== true && starts <= 1;
  const wasWell = previous?.nodes[nodeName]?.healthy === true && previous.facts["incarnation"] === rpc.instance;
  const needsNoState = isFirstLife || wasWell;
  if (keeper === null) {
    return needsNoState
      ? { ...base, healthy: true }
      : { ...base, healthy: false, reason: "waiting for the state keeper" };
  }
  if (!keeper.loaded || keeper.instance !== rpc.instance) {
    // Only just started, it has not looked yet.
    if (needsNoState && keeper.problem === null && keeper.instance === null) return { ...base, healthy: true };
    return { ...base, healthy: false, reason: keeper.problem ?? "the kept state is being loaded" };
  }
  return { ...base, healthy: true, ...(keeper.problem === null ? {} : { reason: keeper.problem }) };
};

const toReason = (error: unknown): string => {
  const code = error instanceof Error && "code" in error ? String(error.code) : "";
  return code === "ECONNREFUSED" ? "not answering yet" : `no usable answer${code === "" ? "" : ` (${code})`}`;
};

export const inspect = async (input: InspectInput): Promise<ChainView> => {
  const at = input.access.now.toISOString();
  const former = input.previous?.facts ?? {};
  try {
    const [rpc, keeper] = await Promise.all([askRpc(input), askKeeper(input)]);
    const view = judge(input, rpc, keeper);
    const facts: JsonObject = {
      chainId: rpc.chainId,
      incarnation: rpc.instance,
      everHealthy: view.healthy || former["everHealthy"] === true,
    };
    return { nodes: { [nodeName]: view }, facts, at };
  } catch (error) {
    return { nodes: { [nodeName]: { healthy: false, reason: toReason(error) } }, facts: former, at };
  }
};
