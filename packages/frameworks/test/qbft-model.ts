import { majorityOf, quorumOf } from "../src/besu/quorum.ts";

/** One node of the model, which knows no more of Ethereum than what the framework asks. */
export interface ModelNode {
  name: string;
  address: string;
  enodeKey: string;
  isUp: boolean;
  /** Its runtime has given it up. */
  isFailed: boolean;
  incarnation: number;
  startedAtMs: number;
  height: number;
  /** What it would vote; forgotten when it stops. */
  votes: Map<string, boolean>;
  /** Nodes that it dials. */
  knows: Set<string>;
  /** Nodes that it speaks with; null: all. */
  allows: ReadonlySet<string> | null;
  /** What it was started as. */
  version: string;
}

export interface ModelOptions {
  blockPeriodMs: number;
  epochLength?: number;
}

/** How many blocks a node that is behind gets while one is made. */
export const catchUp = 20;

const mayLink = (a: ModelNode, b: ModelNode): boolean =>
  (a.knows.has(b.name) || b.knows.has(a.name)) && a.allows?.has(b.name) !== false && b.allows?.has(a.name) !== false;

/** A network's nodes, and who is connected to whom. */
const createNodes = () => {
  const nodes = new Map<string, ModelNode>();
  const isLinked = (a: ModelNode, b: ModelNode): boolean => a !== b && a.isUp && b.isUp && mayLink(a, b);
  return {
    nodes,
    byAddress: (address: string) => [...nodes.values()].find((node) => node.address === address),
    peersOf: (node: ModelNode): ModelNode[] => [...nodes.values()].filter((other) => isLinked(node, other)),
  };
};

/**
 * A QBFT network in memory: it makes blocks while two thirds of its validators have the last one and hear each other,
 * counts votes as Besu's `VoteTally` does, forgets them at each epoch, and lets nodes fall behind and catch up. What must
 * hold whatever happens is looked at with every block; what did not is in `broken`.
 */
export const createQbftModel = (options: ModelOptions) => {
  const { nodes, byAddress, peersOf } = createNodes();
  const state = {
    nowMs: Date.parse("2026-01-01T00:00:00Z"),
    head: 0,
    headMs: 0,
    validators: [] as string[],
    tally: new Map<string, Map<string, boolean>>(),
    proposers: [] as string[],
    broken: [] as string[],
    /** `+name` and `-name`, in the order in which they came into force. */
    changes: [] as string[],
    epochs: 0,
    genesis: "genesis",
  };

  /** Validators that seal: they have the last block, and hear enough of the others. */
  const live = (): string[] => {
    const able = state.validators.filter((address) => {
      const node = byAddress(address);
      return node?.isUp === true && node.height === state.head;
    });
    const needed = quorumOf(state.validators.length) - 1;
    return able.filter((address) => {
      const node = byAddress(address);
      return node !== undefined && peersOf(node).filter((peer) => able.includes(peer.address)).length >= needed;
    });
  };

  const bringIntoForce = (target: string, isAdded: boolean): void => {
    const node = byAddress(target);
    if (isAdded && (node === undefined || state.head - node.height > 2))
      state.broken.push(`${node?.name} was voted in before it had the whole chain`);
    state.validators = isAdded
      ? [...state.validators, target].sort()
      : state.validators.filter((address) => address !== target);
    for (const votes of state.tally.values()) if (!isAdded) votes.delete(target);
    state.changes.push(`${isAdded ? "+" : "-"}${node?.name ?? target}`);
    const left = state.validators.filter((address) => byAddress(address)?.isUp === true).length;
    if (left < quorumOf(state.validators.length)) state.broken.push(`${node?.name}'s vote left no quorum`);
  };

  const count = (voter: string, target: string, isAdded: boolean): void => {
    const votes = state.tally.get(target) ?? new Map<string, boolean>();
    state.tally.set(target, votes.set(voter, isAdded));
    const agreed = state.validators.filter((address) => votes.get(address) === isAdded).length;
    if (agreed < majorityOf(state.validators.length)) return;
    state.tally.delete(target);
    bringIntoForce(target, isAdded);
  };

  const makeBlock = (): void => {
    const able = live();
    if (able.length < quorumOf(state.validators.length)) return;
    const last = state.proposers.at(-1) ?? "";
    const proposer = able.find((address) => address > last) ?? able[0] ?? "";
    state.head += 1;
    state.headMs = state.nowMs;
    state.proposers.push(proposer);
    for (const address of able) {
      const node = byAddress(address);
      if (node !== undefined) node.height = state.head;
    }
    if (state.head % (options.epochLength ?? 30_000) === 0) {
      state.tally.clear();
      state.epochs += 1;
      return;
    }
    const votes = [...(byAddress(proposer)?.votes ?? [])];
    const vote = votes.find(([address, isAdded]) => isAdded !== state.validators.includes(address));
    if (vote !== undefined) count(proposer, vote[0], vote[1]);
  };

  const spread = (): void => {
    for (const node of nodes.values()) {
      const best = Math.max(0, ...peersOf(node).map(({ height }) => height));
      if (node.isUp && best > node.height) node.height = Math.min(best, node.height + catchUp);
    }
  };

  return {
    ...{ state, nodes, peersOf, live },
    isInForce: (name: string): boolean => state.validators.includes(nodes.get(name)?.address ?? ""),
    advance: (ms: number): void => {
      const endMs = state.nowMs + ms;
      while (state.nowMs + options.blockPeriodMs <= endMs) {
        state.nowMs += options.blockPeriodMs;
        makeBlock();
        spread();
      }
      state.nowMs = endMs;
    },
    stop: (name: string): void => {
      const node = nodes.get(name);
      if (node === undefined) return;
      node.isUp = false;
      node.votes.clear();
    },
    /** Starts a node, a new one from block 0. */
    start: (
      node: Pick<ModelNode, "name" | "address" | "enodeKey" | "version" | "allows"> & { knows: Iterable<string> },
    ) => {
      const former = nodes.get(node.name);
      nodes.set(node.name, {
        ...{ isFailed: false, height: 0, votes: new Map() },
        ...former,
        ...node,
        ...{ knows: new Set(node.knows), isUp: true },
        incarnation: (former?.incarnation ?? 0) + 1,
        startedAtMs: state.nowMs,
      });
    },
  };
};

export type QbftModel = ReturnType<typeof createQbftModel>;
