import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import type { NodeObservation } from "@portolan/domain";
import { majorityOf, quorumOf } from "../src/besu/quorum.ts";

/** One node of the model. It speaks JSON-RPC, and knows no more of Ethereum than what the framework asks. */
export interface ModelNode {
  name: string;
  address: string;
  enodeKey: string;
  isUp: boolean;
  /** Its runtime has given it up. */
  isFailed: boolean;
  /** Nobody reaches it but who asks it. */
  isCutOff: boolean;
  incarnation: number;
  startedAtMs: number;
  height: number;
  /** What it would vote; forgotten when it stops. */
  votes: Map<string, boolean>;
  /** Nodes that it dials. */
  knows: Set<string>;
  version: string;
}

interface ModelOptions {
  chainId: number;
  blockPeriodMs: number;
  epochLength?: number;
  /** Told before each answer; what it throws is no answer. */
  onCall?(node: string, method: string): void;
}

const hex = (value: number): string => `0x${value.toString(16)}`;
const hashOf = (text: string): string => `0x${Buffer.from(text).toString("hex").padEnd(64, "0").slice(0, 64)}`;

/** How many blocks a node that is behind gets while one is made. */
const catchUp = 20;

/**
 * A QBFT network in memory behind one port a node, scripted: it makes blocks while a quorum is there, counts votes as
 * Besu's `VoteTally` does, forgets them at each epoch, and lets nodes fall behind and catch up. Nothing in it proves what
 * Besu does; it proves what the framework does with such a network.
 */
export const createQbftNetwork = async (options: ModelOptions) => {
  const nodes = new Map<string, ModelNode>();
  const servers = new Map<string, { server: Server; port: number }>();
  const state = {
    nowMs: Date.parse("2026-01-01T00:00:00Z"),
    head: 0,
    headMs: 0,
    validators: [] as string[],
    tally: new Map<string, Map<string, boolean>>(),
    proposers: [] as string[],
    /** What was broken of the rules that hold whatever happens. */
    broken: [] as string[],
    changes: [] as string[],
    epochs: 0,
    genesis: "genesis",
  };

  const byAddress = (address: string) => [...nodes.values()].find((node) => node.address === address);
  const isLinked = (a: ModelNode, b: ModelNode): boolean =>
    a !== b && a.isUp && b.isUp && !a.isCutOff && !b.isCutOff && (a.knows.has(b.name) || b.knows.has(a.name));
  const peersOf = (node: ModelNode): ModelNode[] => [...nodes.values()].filter((other) => isLinked(node, other));
  const live = (): string[] =>
    state.validators.filter((address) => {
      const node = byAddress(address);
      return node?.isUp === true && !node.isCutOff && node.height === state.head;
    });

  const applyVote = (voter: string, target: string, isAdded: boolean): void => {
    const votes = state.tally.get(target) ?? new Map<string, boolean>();
    state.tally.set(target, votes.set(voter, isAdded));
    const count = state.validators.filter((address) => votes.get(address) === isAdded).length;
    if (count < majorityOf(state.validators.length)) return;
    state.tally.delete(target);
    const node = byAddress(target);
    if (isAdded) {
      if (node === undefined || state.head - node.height > 2) state.broken.push(`${node?.name} was voted in unsynced`);
      state.validators = [...state.validators, target].sort();
    } else {
      state.validators = state.validators.filter((address) => address !== target);
      for (const others of state.tally.values()) others.delete(target);
    }
    state.changes.push(`${isAdded ? "+" : "-"}${node?.name ?? target}`);
    const left = state.validators.filter((address) => byAddress(address)?.isUp === true).length;
    if (left < quorumOf(state.validators.length)) state.broken.push(`${node?.name}'s vote left no quorum`);
  };

  const isEffective = (address: string, vote: boolean): boolean => vote !== state.validators.includes(address);

  const makeBlock = (): void => {
    const able = live();
    if (able.length < quorumOf(state.validators.length)) return;
    const last = state.proposers.at(-1) ?? "";
    const proposer = able.find((address) => address > last) ?? able[0] ?? "";
    state.head += 1;
    state.headMs = state.nowMs;
    state.proposers.push(proposer);
    const isEpoch = state.head % (options.epochLength ?? 30_000) === 0;
    if (isEpoch) {
      state.tally.clear();
      state.epochs += 1;
    }
    const vote = [...(byAddress(proposer)?.votes ?? [])].find(([address, wish]) => isEffective(address, wish));
    if (vote !== undefined && !isEpoch) applyVote(proposer, vote[0], vote[1]);
    for (const address of able) {
      const node = byAddress(address);
      if (node !== undefined) node.height = state.head;
    }
  };

  const spread = (): void => {
    for (const node of nodes.values()) {
      const best = Math.max(0, ...peersOf(node).map(({ height }) => height));
      if (best > node.height) node.height = Math.min(best, node.height + catchUp);
    }
  };

  const block = (number: number) => ({
    number: hex(number),
    hash: hashOf(`${state.genesis}${number}`),
    timestamp: hex(Math.floor((number === state.head ? state.headMs : state.nowMs - 3_600_000) / 1_000)),
  });

  const proposed = () => {
    const first = Math.max(0, state.proposers.length - 100);
    const found = new Map(state.validators.map((address) => [address, 0]));
    for (const [index, address] of state.proposers.entries()) if (index >= first) found.set(address, index + 1);
    return [...found].map(([address, last]) => ({
      address,
      proposedBlockCount: "0x1",
      lastProposedBlockNumber: hex(last),
    }));
  };

  const perform = (node: ModelNode, method: string, params: readonly unknown[]): unknown => {
    const [first, second] = params;
    switch (method) {
      case "eth_chainId":
        return hex(options.chainId);
      case "eth_blockNumber":
        return hex(node.height);
      case "eth_getBlockByNumber":
        return first === "0x0" ? block(0) : block(node.height);
      case "eth_syncing":
        return state.head - node.height > catchUp ? { currentBlock: hex(node.height) } : false;
      case "net_peerCount":
        return hex(peersOf(node).length);
      case "qbft_getValidatorsByBlockNumber":
        return [...state.validators];
      case "qbft_getSignerMetrics":
        return proposed();
      case "qbft_getPendingVotes":
        return Object.fromEntries(node.votes);
      case "qbft_proposeValidatorVote":
        node.votes.set(String(first).toLowerCase(), second === true);
        return true;
      case "qbft_discardValidatorVote":
        node.votes.delete(String(first).toLowerCase());
        return true;
      case "admin_peers":
        return peersOf(node).map(({ enodeKey }) => ({ enode: `enode://${enodeKey}@127.0.0.1:30303` }));
      case "admin_addPeer": {
        const other = [...nodes.values()].find(({ enodeKey }) => String(first).includes(enodeKey));
        if (other !== undefined) node.knows.add(other.name);
        return other !== undefined;
      }
      default:
        throw new Error("Method not found");
    }
  };

  const answer = (node: ModelNode, call: { id: number; method: string; params: unknown[] }): object => {
    options.onCall?.(node.name, call.method);
    try {
      return { jsonrpc: "2.0", id: call.id, result: perform(node, call.method, call.params) };
    } catch (error) {
      return { jsonrpc: "2.0", id: call.id, error: { code: -32_601, message: String(error) } };
    }
  };

  const listen = (name: string): Promise<{ server: Server; port: number }> =>
    new Promise((resolve) => {
      const server = createServer(async (incoming, response) => {
        const chunks: Buffer[] = [];
        for await (const chunk of incoming as AsyncIterable<Buffer>) chunks.push(chunk);
        const node = nodes.get(name);
        try {
          if (node?.isUp !== true) throw new Error("it is down");
          const calls = JSON.parse(Buffer.concat(chunks).toString("utf8"));
          response.end(JSON.stringify(calls.map((call: Parameters<typeof answer>[1]) => answer(node, call))));
        } catch {
          response.destroy();
        }
      });
      server.listen(0, "127.0.0.1", () => resolve({ server, port: (server.address() as AddressInfo).port }));
    });

  const stop = (name: string): void => {
    const node = nodes.get(name);
    if (node === undefined) return;
    node.isUp = false;
    node.votes.clear();
  };

  return {
    state,
    nodes,
    live,
    stop,
    isInForce: (name: string) => state.validators.includes(nodes.get(name)?.address ?? ""),
    /** Starts a node, a new one from block 0. */
    start: async (
      node: Pick<ModelNode, "name" | "address" | "enodeKey" | "version"> & { knows: readonly string[] },
    ) => {
      if (!servers.has(node.name)) servers.set(node.name, await listen(node.name));
      const former = nodes.get(node.name);
      nodes.set(node.name, {
        ...{ isFailed: false, isCutOff: false, height: 0, votes: new Map() },
        ...former,
        ...node,
        knows: new Set(node.knows),
        isUp: true,
        incarnation: (former?.incarnation ?? 0) + 1,
        startedAtMs: state.nowMs,
      });
    },
    /** It and its data are gone. */
    remove: (name: string): void => {
      stop(name);
      nodes.delete(name);
    },
    advance: (ms: number): void => {
      const endMs = state.nowMs + ms;
      while (state.nowMs + options.blockPeriodMs <= endMs) {
        state.nowMs += options.blockPeriodMs;
        makeBlock();
        spread();
      }
      state.nowMs = endMs;
    },
    dial: async (name: string) => ({ host: "127.0.0.1", port: servers.get(name)?.port ?? 1 }),
    observe: (): NodeObservation[] =>
      [...nodes.values()].map(({ name, isUp, isFailed, incarnation, startedAtMs }) => ({
        node: name,
        state: isUp ? "running" : isFailed ? "failed" : "stopped",
        incarnation,
        startedAt: new Date(startedAtMs).toISOString(),
      })),
    close: async (): Promise<void> => {
      for (const { server } of servers.values()) {
        server.closeAllConnections();
        await new Promise((resolve) => server.close(resolve));
      }
    },
  };
};

export type QbftNetwork = Awaited<ReturnType<typeof createQbftNetwork>>;
