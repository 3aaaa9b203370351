import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import type { NodeObservation } from "@portolan/domain";
import { catchUp, createQbftModel, type ModelNode, type ModelOptions, type QbftModel } from "./qbft-model.ts";

export interface NetworkOptions extends ModelOptions {
  chainId: number;
  /** Told before each answer; what it throws is no answer. */
  onCall?(node: string, method: string): void;
}

const hex = (value: number): string => `0x${value.toString(16)}`;
const hashOf = (text: string): string => `0x${Buffer.from(text).toString("hex").padEnd(64, "0").slice(0, 64)}`;

const toBlock = ({ state }: QbftModel, number: number): object => ({
  number: hex(number),
  hash: hashOf(`${state.genesis}${number}`),
  timestamp: hex(Math.floor((number === state.head ? state.headMs : state.nowMs - 3_600_000) / 1_000)),
});

/** As Besu says it of the last hundred blocks. */
const toMetrics = ({ state }: QbftModel): object[] => {
  const first = Math.max(0, state.proposers.length - 100);
  const found = new Map(state.validators.map((address) => [address, 0]));
  for (const [index, address] of state.proposers.entries()) if (index >= first) found.set(address, index + 1);
  return [...found].map(([address, last]) => ({
    ...{ address, proposedBlockCount: "0x1", lastProposedBlockNumber: hex(last) },
  }));
};

type Method = (model: QbftModel, node: ModelNode, params: readonly unknown[]) => unknown;

const toAddress = (value: unknown): string => String(value).toLowerCase();

const methods: { readonly [name: string]: Method } = {
  eth_blockNumber: (_model, { height }) => hex(height),
  eth_getBlockByNumber: (model, { height }, [number]) => toBlock(model, number === "0x0" ? 0 : height),
  eth_syncing: ({ state }, { height }) => (state.head - height > catchUp ? { currentBlock: hex(height) } : false),
  net_peerCount: (model, node) => hex(model.peersOf(node).length),
  qbft_getValidatorsByBlockNumber: ({ state }) => [...state.validators],
  qbft_getSignerMetrics: (model) => toMetrics(model),
  qbft_getPendingVotes: (_model, { votes }) => Object.fromEntries(votes),
  qbft_proposeValidatorVote: (_model, { votes }, [address, isAdded]) =>
    votes.set(toAddress(address), isAdded === true).size > 0,
  qbft_discardValidatorVote: (_model, { votes }, [address]) => votes.delete(toAddress(address)) || true,
  admin_peers: (model, node) =>
    model.peersOf(node).map(({ enodeKey }) => ({ enode: `enode://${enodeKey}@127.0.0.1:30303` })),
  admin_addPeer: ({ nodes }, node, [enode]) => {
    const other = [...nodes.values()].find(({ enodeKey }) => String(enode).includes(enodeKey));
    if (other !== undefined) node.knows.add(other.name);
    return other !== undefined;
  },
};

interface Asked {
  id: number;
  method: string;
  params: unknown[];
}

/**
 * The model behind one port a node, speaking JSON-RPC: a scripted peer. It proves nothing of what Besu does; it proves
 * what the framework does with a network like that.
 */
export const createQbftNetwork = (options: NetworkOptions) => {
  const model = createQbftModel(options);
  const servers = new Map<string, { server: Server; port: number }>();

  const answer = (node: ModelNode, { id, method, params }: Asked): object => {
    options.onCall?.(node.name, method);
    if (method === "eth_chainId") return { jsonrpc: "2.0", id, result: hex(options.chainId) };
    const perform = Object.hasOwn(methods, method) ? methods[method] : undefined;
    return perform === undefined
      ? { jsonrpc: "2.0", id, error: { code: -32_601, message: "Method not found" } }
      : { jsonrpc: "2.0", id, result: perform(model, node, params) };
  };

  const listen = (name: string): Promise<{ server: Server; port: number }> =>
    new Promise((resolve) => {
      const server = createServer(async (incoming, response) => {
        const chunks: Buffer[] = [];
        for await (const chunk of incoming as AsyncIterable<Buffer>) chunks.push(chunk);
        const node = model.nodes.get(name);
        try {
          if (node?.isUp !== true) throw new Error("it is down");
          const calls = JSON.parse(Buffer.concat(chunks).toString("utf8")) as Asked[];
          response.end(JSON.stringify(calls.map((call) => answer(node, call))));
        } catch {
          response.destroy();
        }
      });
      server.listen(0, "127.0.0.1", () => resolve({ server, port: (server.address() as AddressInfo).port }));
    });

  return {
    ...model,
    start: async (node: Parameters<QbftModel["start"]>[0]): Promise<void> => {
      if (!servers.has(node.name)) servers.set(node.name, await listen(node.name));
      model.start(node);
    },
    /** It and its data are gone. */
    remove: (name: string): void => {
      model.stop(name);
      model.nodes.delete(name);
    },
    dial: async (name: string) => ({ host: "127.0.0.1", port: servers.get(name)?.port ?? 1 }),
    observe: (): NodeObservation[] =>
      [...model.nodes.values()].map(({ name, isUp, isFailed, incarnation, startedAtMs }) => ({
        ...{ node: name, incarnation, startedAt: new Date(startedAtMs).toISOString() },
        state: isUp ? "running" : isFailed ? "failed" : "stopped",
      })),
    close: async (): Promise<void> => {
      for (const { server } of servers.values()) {
        server.closeAllConnections();
        await new Promise((resolve) => server.close(resolve));
      }
    },
  };
};

export type QbftNetwork = ReturnType<typeof createQbftNetwork>;
