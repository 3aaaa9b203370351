import type { ChainView, JsonObject, MaterialItem } from "@portolan/domain";
import { z } from "zod";
import { addressesOfNodes } from "./material.ts";

const regionFacts = z.object({
  /** Under which wish it was looked at (`Inspection.wish`). */
  wish: z.string(),
  /** Hash of block 0 as the region's nodes have it; remembered from the first look on. */
  genesisHash: z.string().optional(),
  /** The highest block that any node of the region has, and when it was first seen to be a new one (RFC 3339). */
  head: z.object({ height: z.number(), advancedAt: z.string().nullable() }).optional(),
  /** Addresses in force at block `at`, and since when each was seen to be. */
  inForce: z.object({ at: z.number(), since: z.record(z.string(), z.number()) }).optional(),
  /** Address → the last block that it proposed of those that were looked at; absent: the node does not say. */
  proposed: z.record(z.string(), z.number()).optional(),
  /** Validator of the region → votes that it would cast: address → in or out. */
  pending: z.record(z.string(), z.record(z.string(), z.boolean())),
  /** Validator of the region → nodes of the chain that it is not connected to, and at how many looks on end. */
  lacking: z.record(z.string(), z.record(z.string(), z.number())),
  /** Node → the run of it that was seen last, and the height that it began at. */
  runs: z.record(z.string(), z.object({ incarnation: z.number(), height: z.number() })),
});

/** What was found in one region and is remembered; the rest is in the nodes' views. */
export type RegionFacts = z.output<typeof regionFacts>;

export const noFacts: RegionFacts = { wish: "", pending: {}, lacking: {}, runs: {} };

const prefix = "besu.";

/** One member for each region, because the regions' facts are laid over each other. */
export const factsName = (region: string): string => `${prefix}${region}`;

const parse = (value: unknown): RegionFacts | undefined => {
  const parsed = regionFacts.safeParse(value);
  return parsed.success ? parsed.data : undefined;
};

/** What was remembered of a region; nothing where an older release wrote it otherwise. */
export const factsOfRegion = (view: Pick<ChainView, "facts"> | null, region: string): RegionFacts =>
  parse(view?.facts[factsName(region)]) ?? noFacts;

/** What is remembered of each region. */
export const factsByRegion = (view: Pick<ChainView, "facts">): { [region: string]: RegionFacts } =>
  Object.fromEntries(
    Object.entries(view.facts).flatMap(([name, value]) => {
      const facts = name.startsWith(prefix) ? parse(value) : undefined;
      return facts === undefined ? [] : [[name.slice(prefix.length), facts]];
    }),
  );

/** What the region that is furthest knows: of a chain without reorganisations that is the truth of it. */
export const newestFacts = (view: Pick<ChainView, "facts"> | null): RegionFacts | undefined =>
  view === null
    ? undefined
    : Object.values(factsByRegion(view))
        .filter(({ inForce }) => inForce !== undefined)
        .sort((a, b) => (b.inForce?.at ?? 0) - (a.inForce?.at ?? 0))[0];

/** Addresses of the validators in force, ascending. Undefined: nobody has said it yet. */
export const inForceOf = (view: Pick<ChainView, "facts"> | null): string[] | undefined => {
  const found = newestFacts(view)?.inForce;
  return found === undefined ? undefined : Object.keys(found.since).sort();
};

const nodeDetail = z.object({
  peers: z.number().optional(),
  /** It has every block that there is. */
  isSynced: z.boolean(),
  /** It has a vote. */
  isInForce: z.boolean().optional(),
  /** It has proposed a block since it was started, or nobody could say. */
  isSettled: z.boolean().optional(),
  /** Its runtime has given it up. */
  isFailed: z.boolean().optional(),
});

/** Kept in `NodeView.detail`. */
export type NodeDetail = z.output<typeof nodeDetail>;

export const detailOf = (view: Pick<ChainView, "nodes"> | null, node: string): NodeDetail | undefined => {
  const parsed = nodeDetail.safeParse(view?.nodes[node]?.detail);
  return parsed.success ? parsed.data : undefined;
};

/** Facts are JSON by their making; the types of what is optional say it otherwise. */
export const toJson = (value: object): JsonObject => JSON.parse(JSON.stringify(value)) as JsonObject;

/** Address → node, of all nodes that ever had a key. */
export const nodesByAddress = (material: readonly MaterialItem[]): Map<string, string> =>
  new Map(Object.entries(addressesOfNodes(material)).map(([node, address]) => [address.toLowerCase(), node]));
