import type { ChainView, NodeSpec, NodeView } from "@portolan/domain";
import type { InspectInput } from "../framework.ts";
import { chaincodeKey } from "./chaincode-wish.ts";
import { installedPackages } from "./client/lifecycle.ts";
import { createNetwork, type Network } from "./client/network.ts";
import { readConfigBlock } from "./client/participation.ts";
import { summarise } from "./config/index.ts";
import { channelsOfNode, factsName, factsOfRegion, type NodeChannel, type RegionFacts, toJson } from "./facts.ts";
import { askChaincode, isComplete } from "./inspect/ask-chaincode.ts";
import { type Neighbour, ordererTrouble, peerTrouble, topHeight } from "./inspect/judge.ts";
import type { LocalPeers } from "./inspect/local-peers.ts";
import { lookAtNode, type NodeFindings, toNodeView } from "./inspect/look-at-node.ts";
import { lookAtServer } from "./inspect/look-at-server.ts";
import { type Inspection, readInspection } from "./inspection.ts";
import { roles } from "./topology.ts";

/** What can't be undone is remembered, and asked again this seldom. */
const rememberMs = 600_000;
/** A configuration is read without a signature, so a change that nobody here made shows within this. */
const configAgeMs = 60_000;
const askTimeoutMs = 10_000;

interface Turn {
  input: InspectInput;
  inspection: Inspection;
  network: Network;
  nodes: readonly Neighbour[];
  former: RegionFacts;
}

const isOld = (at: string, maxMs: number, now: Date): boolean => now.getTime() - new Date(at).getTime() > maxMs;

const incarnationOf = (input: InspectInput, node: string): number =>
  input.access.observations.find((item) => item.node === node)?.incarnation ?? 0;

const look = async (input: InspectInput, network: Network, node: NodeSpec): Promise<NodeFindings> => {
  const seen = input.access.observations.find((item) => item.node === node.name);
  if (seen !== undefined && seen.state !== "running" && seen.state !== "starting")
    return { isAnswering: false, reason: "not running", channels: null, configs: {} };
  try {
    if (node.role === roles.chaincode) return await lookAtServer(input.access, node);
    const found = await lookAtNode(network, node, input.access.signal);
    // Metrics of a node that is only starting come before its channels are open.
    const known = Object.keys(channelsOfNode(input.previous, node.name));
    const isEarly = found.isAnswering && known.some((id) => found.channels?.[id] === undefined);
    return isEarly ? await lookAtNode(network, node, input.access.signal) : found;
  } catch (error) {
    const reason = error instanceof Error ? error.message.slice(0, 200) : "no usable answer";
    return { isAnswering: false, reason, channels: null, configs: {} };
  }
};

const channelsOfPeer = (inspection: Inspection, peer: string): string[] => {
  const organisation = inspection.organisations.find((item) => item.peers.includes(peer))?.name ?? "";
  return inspection.channels.filter((channel) => channel.organisations.includes(organisation)).map(({ id }) => id);
};

const toViews = (
  input: InspectInput,
  inspection: Inspection,
  nodes: readonly Neighbour[],
): { [node: string]: NodeView } => {
  const roleOf = new Map(input.nodes.map((node) => [node.name, node.role]));
  const orderers = nodes.filter(({ name }) => roleOf.get(name) === roles.orderer);
  const ids = inspection.channels.map(({ id }) => id);
  const troubleOf = (node: Neighbour): string | undefined => {
    const role = roleOf.get(node.name);
    if (role === roles.orderer) return ordererTrouble(node, orderers, ids);
    return role === roles.peer ? peerTrouble(node, nodes, channelsOfPeer(inspection, node.name)) : undefined;
  };
  return Object.fromEntries(
    nodes.map((node) => {
      const channels: { [id: string]: NodeChannel } =
        node.findings.channels ?? channelsOfNode(input.previous, node.name);
      return [node.name, toNodeView(node.findings, channels, troubleOf(node))];
    }),
  );
};

/** Peers that answer and have the channel, by organisation. */
const peersOn = (turn: Turn, channel: string): LocalPeers => {
  const found: { [organisation: string]: string[] } = {};
  for (const { name, peers } of turn.inspection.organisations) {
    const able = turn.nodes.filter(
      ({ name: node, findings }) =>
        peers.includes(node) && findings.isAnswering && findings.channels?.[channel] !== undefined,
    );
    if (able.length > 0) found[name] = able.map((node) => node.name);
  }
  return found;
};

/** Changes when a configuration was committed since. A region without peers counts blocks instead. */
const configMark = (turn: Turn, channel: string): string => {
  const [peer] = Object.values(peersOn(turn, channel)).flat();
  const counts = turn.nodes.find(({ name }) => name === peer)?.findings.configs;
  if (peer === undefined || counts === undefined) return `height ${topHeight(turn.nodes, channel)}`;
  return `${peer} ${incarnationOf(turn.input, peer)} ${counts[channel] ?? 0}`;
};

const readConfig = async (turn: Turn, channel: string): Promise<Uint8Array | null> => {
  for (const { name, findings } of turn.nodes) {
    const found = findings.channels?.[channel];
    if (found?.status !== "active" || found.relation !== "consenter") continue;
    const options = { timeoutMs: askTimeoutMs, signal: turn.input.access.signal };
    try {
      const block = await readConfigBlock(await turn.network.admin(name), channel, options);
      if (block !== null) return block;
    } catch {
      // Another orderer may say it.
    }
  }
  return null;
};

const lookAtConfigs = async (turn: Turn): Promise<RegionFacts["configs"]> => {
  const now = turn.input.access.now;
  const one = async ({ id }: { id: string }): Promise<[string, RegionFacts["configs"][string]][]> => {
    const former = turn.former.configs[id];
    const mark = configMark(turn, id);
    const isFresh = former !== undefined && former.mark === mark && !isOld(former.at, configAgeMs, now);
    const block = isFresh ? null : await readConfig(turn, id);
    if (block === null) return former === undefined ? [] : [[id, former]];
    const { sequence, digest } = summarise(block);
    return [[id, { at: now.toISOString(), sequence, mark, digest }]];
  };
  return Object.fromEntries((await Promise.all(turn.inspection.channels.map(one))).flat());
};

const lookAtPackages = async (turn: Turn): Promise<RegionFacts["installed"]> => {
  const { input, inspection, former } = turn;
  const now = input.access.now;
  const one = async ({ name, findings }: Neighbour): Promise<[string, RegionFacts["installed"][string]][]> => {
    const organisation = inspection.organisations.find((item) => item.peers.includes(name))?.name;
    if (organisation === undefined) return [];
    const wanted = inspection.chaincodes.filter((wish) => wish.hosts.includes(organisation));
    const known = former.installed[name];
    const incarnation = incarnationOf(input, name);
    const isKnown =
      known !== undefined &&
      known.incarnation === incarnation &&
      !isOld(known.at, rememberMs, now) &&
      wanted.every((wish) => known.packages.includes(wish.packageId));
    if (isKnown || !findings.isAnswering || wanted.length === 0) return known === undefined ? [] : [[name, known]];
    try {
      const options = { timeoutMs: askTimeoutMs, signal: input.access.signal };
      const packages = await installedPackages(await turn.network.peer(name), options);
      return [[name, { at: now.toISOString(), incarnation, packages }]];
    } catch {
      return known === undefined ? [] : [[name, known]];
    }
  };
  return Object.fromEntries((await Promise.all(turn.nodes.map(one))).flat());
};

const lookAtChaincodes = async (turn: Turn): Promise<RegionFacts["chaincodes"]> => {
  const { input, former } = turn;
  const now = input.access.now;
  const found = { ...former.chaincodes };
  const ask = async (wish: Inspection["chaincodes"][number]): Promise<void> => {
    const key = chaincodeKey(wish);
    const known = former.chaincodes[key];
    const peers = peersOn(turn, wish.channel);
    if (Object.keys(peers).length === 0) return;
    if (known !== undefined && isComplete(wish, known, peers) && !isOld(known.at, rememberMs, now)) return;
    try {
      const options = { timeoutMs: askTimeoutMs, signal: input.access.signal };
      found[key] = await askChaincode(turn.network, wish, peers, { ...options, former: known, now });
    } catch {
      // As it was known; it is asked again with the next look.
    }
  };
  await Promise.all(turn.inspection.chaincodes.map(ask));
  return found;
};

/** The facts that the gateway reads: certificates that peers' own certificates are signed with. */
const routeFacts = (inspection: Inspection) => ({
  "grpc.ca": [...new Set(inspection.organisations.map(({ tlsCaPem }) => tlsCaPem))].join(""),
});

/** An order from before the network's certificates were made: nobody can be asked, and nothing new is known. */
const unread = ({ nodes, previous, access }: InspectInput): ChainView => ({
  nodes: Object.fromEntries(
    nodes.map(({ name }) => [name, { healthy: false, reason: "waiting for the network's certificates" }]),
  ),
  facts: previous?.facts ?? {},
  at: access.now.toISOString(),
});

/**
 * Looks at the region's nodes. In steady state nothing is signed and nothing is asked but metrics; what remains to be
 * done is asked each time. A node that is dead costs its own health only.
 */
export const inspect = async (input: InspectInput): Promise<ChainView> => {
  const { access, signer } = input;
  const inspection = readInspection(input.chain.inspection);
  if (inspection === undefined) return unread(input);
  const network = createNetwork({ inspection, access, signer });
  const nodes = await Promise.all(
    input.nodes.map(async (node) => ({ name: node.name, findings: await look(input, network, node) })),
  );
  const former = factsOfRegion(input.previous, access.region);
  const turn: Turn = { input, inspection, network, nodes, former };
  const [configs, installed, chaincodes] = await Promise.all([
    lookAtConfigs(turn),
    lookAtPackages(turn),
    lookAtChaincodes(turn),
  ]);
  const facts: RegionFacts = { configs, installed, chaincodes };
  return {
    nodes: toViews(input, inspection, nodes),
    facts: { ...routeFacts(inspection), [factsName(access.region)]: toJson(facts) },
    at: access.now.toISOString(),
  };
};
