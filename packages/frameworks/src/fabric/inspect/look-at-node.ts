import type { NodeSpec, NodeView } from "@portolan/domain";
import type { GrpcTarget } from "../client/grpc-clients.ts";
import { type Metrics, parseMetrics, readMetrics } from "../client/metrics.ts";
import type { Network } from "../client/network.ts";
import type { NodeChannel } from "../facts.ts";
import { roles } from "../topology.ts";

/** What a node said of itself. Channels are null where nothing could be read. */
export interface NodeFindings {
  isAnswering: boolean;
  reason?: string;
  channels: { [id: string]: NodeChannel } | null;
  /** Configuration transactions that a peer has counted since its start, by channel. */
  configs: { [id: string]: number };
}

const metricsTimeoutMs = 2_000;
/** A listener that is there answers a handshake in milliseconds; two busy cores take longer. */
const readyTimeoutMs = 1_500;

const names = {
  height: "ledger_blockchain_height",
  transactions: "ledger_transaction_count",
  status: "participation_status",
  relation: "participation_consensus_relation",
  raftLeader: "consensus_etcdraft_is_leader",
  raftActive: "consensus_etcdraft_active_nodes",
  raftSize: "consensus_etcdraft_cluster_size",
  bftLeader: "consensus_BFT_is_leader",
  bftLeaderId: "consensus_BFT_leader_id",
} as const;

const wanted: ReadonlySet<string> = new Set(Object.values(names));

const statuses = ["inactive", "active", "onboarding", "failed"] as const;
const relations = ["other", "consenter", "follower", "config-tracker"] as const;

type ByChannel = { readonly [channel: string]: number };

const byChannel = (metrics: Metrics, name: string): ByChannel => {
  const values: { [channel: string]: number } = {};
  for (const { labels, value } of metrics.get(name) ?? [])
    if (labels["channel"] !== undefined) values[labels["channel"]] = value;
  return values;
};

const peerChannels = (metrics: Metrics): { [id: string]: NodeChannel } =>
  Object.fromEntries(Object.entries(byChannel(metrics, names.height)).map(([id, height]) => [id, { height }]));

const ordererChannels = (metrics: Metrics): { [id: string]: NodeChannel } => {
  const read = (name: string): ByChannel => byChannel(metrics, name);
  const [heights, relation] = [read(names.height), read(names.relation)];
  const [leader, active, size] = [read(names.raftLeader), read(names.raftActive), read(names.raftSize)];
  // BFT says who leads and not who listens; its size is that of its last start.
  const [bftLeader, bftLeaderId] = [read(names.bftLeader), read(names.bftLeaderId)];
  const toChannel = ([id, status]: [string, number]): [string, NodeChannel] => {
    const [activeNodes, clusterSize] = [active[id], size[id]];
    const isLeader = (leader[id] ?? bftLeader[id] ?? 0) === 1;
    return [
      id,
      {
        height: heights[id] ?? 0,
        status: statuses[status] ?? "failed",
        relation: relations[relation[id] ?? 0] ?? "other",
        isLeader,
        hasLeader: isLeader || (activeNodes ?? 0) > 0 || (bftLeaderId[id] ?? 0) > 0,
        ...(activeNodes === undefined ? {} : { activeNodes }),
        ...(clusterSize === undefined ? {} : { clusterSize }),
      },
    ];
  };
  return Object.fromEntries(Object.entries(read(names.status)).map(toChannel));
};

const configCounts = (metrics: Metrics): { [id: string]: number } => {
  const counts: { [id: string]: number } = {};
  for (const { labels, value } of metrics.get(names.transactions) ?? []) {
    const channel = labels["channel"];
    if (channel !== undefined && labels["transaction_type"] === "CONFIG")
      counts[channel] = (counts[channel] ?? 0) + value;
  }
  return counts;
};

const none = (reason: string): NodeFindings => ({ isAnswering: false, reason, channels: null, configs: {} });

/**
 * Asks a peer or an orderer without signing anything: its metrics say which channels it has and how far it is, a TLS
 * handshake says whether it answers. `/healthz` is not asked: it is well before the node listens, and stays so without
 * a quorum.
 */
export const lookAtNode = async (network: Network, node: NodeSpec, signal: AbortSignal): Promise<NodeFindings> => {
  let metrics: Metrics;
  try {
    const { host, port } = await network.operations(node.name);
    metrics = parseMetrics(await readMetrics({ host, port, timeoutMs: metricsTimeoutMs, signal }), wanted);
  } catch (error) {
    const code = error instanceof Error && "code" in error ? String(error.code) : "";
    return none(code === "ECONNREFUSED" ? "not answering yet" : `no usable answer${code === "" ? "" : ` (${code})`}`);
  }
  const isOrderer = node.role === roles.orderer;
  const channels = isOrderer ? ordererChannels(metrics) : peerChannels(metrics);
  const target: GrpcTarget = await (isOrderer ? network.ordererTarget(node.name) : network.peerTarget(node.name));
  const isAnswering = await network.clients.isReady(target, readyTimeoutMs);
  return {
    isAnswering,
    ...(isAnswering ? {} : { reason: "its gRPC port does not answer" }),
    channels,
    configs: isOrderer ? {} : configCounts(metrics),
  };
};

/** As it is reported; `channels` are those of before where nothing could be read. */
export const toNodeView = (
  findings: NodeFindings,
  channels: { [id: string]: NodeChannel },
  trouble: string | undefined,
): NodeView => {
  const heights = Object.values(channels).map(({ height }) => height);
  const reason = findings.reason ?? trouble;
  return {
    healthy: findings.isAnswering && trouble === undefined,
    ...(reason === undefined ? {} : { reason }),
    ...(heights.length === 0 ? {} : { height: String(Math.max(...heights)) }),
    detail: { channels: JSON.parse(JSON.stringify(channels)) },
  };
};
