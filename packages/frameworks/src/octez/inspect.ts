import type { ChainView, NodeView } from "@portolan/domain";
import type { InspectInput } from "../framework.ts";
import {
  readGenesisHash,
  readHead,
  readPeers,
  readProtocol,
  readSyncState,
  readVersion,
} from "./client/chain-state.ts";
import { createNodeRpc, type NodeRpc, RpcRefusal } from "./client/node-rpc.ts";
import { type OctezFacts, readFacts, toJson } from "./facts.ts";
import { type Inspection, readInspection } from "./inspection.ts";
import { type Findings, judge } from "./judge.ts";
import { ports } from "./topology.ts";

const askTimeoutMs = 3_000;

/** Null where the node has it and does not tell: its own list of what may be called is not this look's business. */
const unlessRefused = async <Answer>(answer: Promise<Answer>): Promise<Answer | null> => {
  try {
    return await answer;
  } catch (error) {
    if (error instanceof RpcRefusal) return null;
    throw error;
  }
};

const ask = async (rpc: NodeRpc): Promise<Findings> => {
  const [version, head, protocol, genesis, sync, peers] = await Promise.all([
    readVersion(rpc),
    readHead(rpc),
    readProtocol(rpc),
    unlessRefused(readGenesisHash(rpc)),
    unlessRefused(readSyncState(rpc)),
    unlessRefused(readPeers(rpc)),
  ]);
  return { ...version, head, protocol, genesis, sync, peers };
};

const toReason = (error: unknown): string => {
  const code = error instanceof Error && "code" in error ? String(error.code) : "";
  // Reset: a connection that was kept from the node's former run.
  if (code === "ECONNREFUSED" || code === "ECONNRESET") return "not answering yet";
  if (error instanceof RpcRefusal) return `it refuses to say how it is: ${error.message}`;
  return `no usable answer${code === "" ? "" : ` (${code})`}`;
};

type Answers = ReadonlyMap<string, Findings | { reason: string }>;

const isFindings = (answer: Findings | { reason: string }): answer is Findings => "head" in answer;

const askAll = async ({ nodes, access }: InspectInput): Promise<Answers> => {
  const one = async (name: string): Promise<[string, Findings | { reason: string }]> => {
    const rpc = createNodeRpc({
      dial: () => access.dial(name, ports.rpc),
      timeoutMs: askTimeoutMs,
      signal: access.signal,
    });
    try {
      return [name, await ask(rpc)];
    } catch (error) {
      return [name, { reason: toReason(error) }];
    }
  };
  return new Map(await Promise.all(nodes.map(({ name }) => one(name))));
};

const levelOf = (view: NodeView | undefined): number | undefined =>
  view?.height === undefined ? undefined : Number(view.height);

/** Only what nodes of this very chain say counts for what is known of it. */
const toFacts = (
  inspection: Inspection,
  own: readonly Findings[],
  former: OctezFacts | undefined,
): { facts: OctezFacts; top: number } => {
  const top = Math.max(0, ...own.map(({ head }) => head.level));
  const highest = own.find(({ head }) => head.level === top && top > 0);
  const protocol = highest?.protocol ?? former?.protocol;
  const isActivated = top > 0 || former?.isActivated === true;
  return {
    top,
    facts: {
      chainId: inspection.genesis.chainId,
      genesis: inspection.genesis.block,
      ...(protocol === undefined ? {} : { protocol }),
      ...(isActivated ? { isActivated } : {}),
    },
  };
};

/** An order from before the chain's genesis was made: nothing can be held against what nodes say. */
const unread = ({ nodes, previous, access }: InspectInput): ChainView => ({
  nodes: Object.fromEntries(nodes.map(({ name }) => [name, { healthy: false, reason: "waiting for the genesis" }])),
  facts: previous?.facts ?? {},
  at: access.now.toISOString(),
});

/** Looks at the region's nodes, each by itself: one that is dead costs its own health only. Nothing is signed. */
export const inspect = async (input: InspectInput): Promise<ChainView> => {
  const inspection = readInspection(input.chain.inspection);
  if (inspection === undefined) return unread(input);
  const { access, previous } = input;
  const answers = await askAll(input);
  const own = [...answers.values()]
    .filter(isFindings)
    .filter(({ head }) => head.chainId === inspection.genesis.chainId);
  const before = readFacts(previous);
  // Another chain id: this placement's last view is that of a chain that was there before.
  const former = before?.chainId === inspection.genesis.chainId ? before : undefined;
  const { facts, top } = toFacts(inspection, own, former);
  const wasActivated = former?.isActivated === true || input.chain.isImported === true;
  const views = [...answers].map(([name, answer]): [string, NodeView] => {
    if (!isFindings(answer)) return [name, { healthy: false, reason: answer.reason }];
    const level = former === undefined ? undefined : levelOf(previous?.nodes[name]);
    return [name, judge(answer, { inspection, now: access.now, top, wasActivated, former: level })];
  });
  return { nodes: Object.fromEntries(views), facts: toJson(facts), at: access.now.toISOString() };
};
