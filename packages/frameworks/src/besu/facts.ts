import type { ChainView, JsonObject, MaterialItem } from "@portolan/domain";
import { z } from "zod";
import { addressesOfNodes } from "./material.ts";

const regionFacts = z.object({
  /** Under which wish it was looked at (`Inspection.wish`). */
  wish: z.string(),
  /** Hash of block 0 as the region's nodes have it; remembered from the first look on. */
  genesisHash: z.string().optional(),
  /** Address in force → the block from which on it was seen to be. Absent: nobody has said it yet. */
  since: z.record(z.string(), z.number()).optional(),
  /** Validator of the region → votes that it would cast: address → in or out. */
  pending: z.record(z.string(), z.record(z.string(), z.boolean())),
  /** Validator of the region → nodes of the chain that it is not connected to, and at how many looks on end. */
  lacking: z.record(z.string(), z.record(z.string(), z.number())),
  /** Node → the run of it that was seen last, and the height that it began at. */
  runs: z.record(z.string(), z.object({ incarnation: z.number(), height: z.number() })),
});

/**
 * What was found in one region and is remembered; the rest is in the nodes' views. Nothing that moves with every block:
 * a chain at rest would be looked at anew with each report.
 */
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

/** How far the nodes of a region are; those that don't answer have no height. */
const heightOf = (view: Pick<ChainView, "nodes">, { runs }: RegionFacts): number =>
  Math.max(0, ...Object.keys(runs).map((node) => Number(view.nodes[node]?.height ?? 0)));

/**
 * Addresses of the validators in force, ascending, as the region that is furthest has them: of a chain without
 * reorganisations that is the truth. Undefined: nobody has said it yet.
 */
export const inForceOf = (view: Pick<ChainView, "facts" | "nodes"> | null): string[] | undefined => {
  if (view === null) return undefined;
  const known = Object.values(factsByRegion(view)).filter(({ since }) => since !== undefined);
  const [best] = known.toSorted((a, b) => heightOf(view, b) - heightOf(view, a));
  return best?.since === undefined ? undefined : Object.keys(best.since).sort();
};

const nodeDetail = z.object({
  peers: z.number().optional(),
  /** It has every block that there is. */
  isSynced: z.boolean(),
  /** It has a vote. */
  isInForce: z.boolean().optional(),
  /** It has proposed a block since it was started, or nobody could say. */
  isSettled: z.boolean().optional(),
  /** It runs and was not heard: it may be well, and only out of reach for who looked. */
  isSilent: z.boolean().optional(),
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
