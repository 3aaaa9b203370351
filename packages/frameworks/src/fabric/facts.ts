import type { ChainView, JsonObject } from "@portolan/domain";
import { z } from "zod";
import type { ConfigDigest } from "./config/index.ts";

const definition = z.object({
  name: z.string(),
  version: z.string(),
  sequence: z.number(),
  policy: z.string(),
  isInitRequired: z.boolean(),
});

const seenChaincode = z.object({
  /** When the network was asked (RFC 3339). */
  at: z.string(),
  /** Null: never committed. */
  committed: definition.nullable(),
  /** Name of an organisation with a peer in the region → what it approved for the sequence that is wanted. */
  approvals: z.record(z.string(), definition.extend({ packageId: z.string().nullable() })),
  /** Peers of the region to which it answered, and the sequence that they answered at. */
  answered: z.record(z.string(), z.number()),
  /** Peers of the region that knew who endorses it, and what there was to know (`planMark`). */
  planned: z.record(z.string(), z.string()).default({}),
  /** Where it listened when they did. */
  address: z.string().optional(),
  /** False: it must be initialised before it can be called. Null: not known. */
  isInitialised: z.boolean().nullable(),
  /** What a peer said when it did not answer. */
  problem: z.string().optional(),
});

export type SeenChaincode = z.output<typeof seenChaincode>;

const seenConfig = z.object({
  at: z.string(),
  sequence: z.number(),
  /** `ConfigDigest` of the newest configuration block. */
  digest: z.custom<ConfigDigest>((value) => typeof value === "object" && value !== null),
  /** Configuration transactions that a node of the region had counted then. */
  mark: z.string(),
});

const installed = z.object({ at: z.string(), incarnation: z.number(), packages: z.array(z.string()) });

const regionFacts = z.object({
  configs: z.record(z.string(), seenConfig),
  installed: z.record(z.string(), installed),
  /** `channel/name` → what is known of it. */
  chaincodes: z.record(z.string(), seenChaincode),
});

/** What was found in one region and is remembered; heights and the like are in the nodes' views. */
export type RegionFacts = z.output<typeof regionFacts>;

export const noFacts: RegionFacts = { configs: {}, installed: {}, chaincodes: {} };

const prefix = "fabric.";

/** One member for each region, because the regions' facts are laid over each other. */
export const factsName = (region: string): string => `${prefix}${region}`;

const parse = (value: unknown): RegionFacts | undefined => {
  const parsed = regionFacts.safeParse(value);
  return parsed.success ? parsed.data : undefined;
};

/** What was remembered of a region; nothing where an older release wrote it otherwise. */
export const factsOfRegion = (view: ChainView | null, region: string): RegionFacts =>
  parse(view?.facts[factsName(region)]) ?? noFacts;

/** What is remembered of each region. */
export const factsByRegion = (view: ChainView): { [region: string]: RegionFacts } =>
  Object.fromEntries(
    Object.entries(view.facts).flatMap(([name, value]) => {
      const facts = name.startsWith(prefix) ? parse(value) : undefined;
      return facts === undefined ? [] : [[name.slice(prefix.length), facts]];
    }),
  );

/** What a node's own metrics say of a channel; kept in `NodeView.detail`. */
const nodeChannel = z.object({
  height: z.number(),
  /** Of an orderer. */
  status: z.enum(["inactive", "active", "onboarding", "failed"]).exactOptional(),
  relation: z.enum(["other", "consenter", "follower", "config-tracker"]).exactOptional(),
  isLeader: z.boolean().exactOptional(),
  /** It leads, or knows who does. */
  hasLeader: z.boolean().exactOptional(),
  /** Raft: consenters that the leader hears of, as it tells the others, and how many there are. BFT does not say. */
  activeNodes: z.number().exactOptional(),
  clusterSize: z.number().exactOptional(),
});

export type NodeChannel = z.output<typeof nodeChannel>;

const nodeDetail = z.object({ channels: z.record(z.string(), nodeChannel) });

/** Channels of a node as last seen. */
export const channelsOfNode = (view: Pick<ChainView, "nodes"> | null, node: string): { [id: string]: NodeChannel } => {
  const parsed = nodeDetail.safeParse(view?.nodes[node]?.detail);
  return parsed.success ? parsed.data.channels : {};
};

/** Facts are JSON by their making; the types of what is optional say it otherwise. */
export const toJson = (value: object): JsonObject => JSON.parse(JSON.stringify(value)) as JsonObject;
