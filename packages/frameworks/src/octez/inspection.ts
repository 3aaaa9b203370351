import type { ChainSpec, JsonObject, MaterialItem } from "@portolan/domain";
import { z } from "zod";
import { findItem, materialNames } from "./names.ts";
import { topology } from "./topology.ts";

const genesis = z.object({
  block: z.string(),
  chainId: z.string(),
  chainName: z.string(),
  protocol: z.string(),
  timestamp: z.string(),
  activator: z.string(),
});

/** Numbers of 64 bits are texts in the protocol's parameters. */
const seconds = z.coerce.number().int().min(0);
const parameters = z.object({
  protocol: z.string(),
  parameters: z.object({ minimal_block_delay: seconds, delay_increment_per_round: seconds }),
});

const inspectionShape = z.object({
  /** What block 0 is, and the chain's id that is made from it: the same on every node. */
  genesis,
  /** Hash of the protocol that is to be in force. */
  protocol: z.string(),
  /** Seconds between blocks when all is well, and by how many each further attempt takes longer. */
  blockDelaySeconds: z.number(),
  delayIncrementSeconds: z.number(),
  /** How many nodes the chain has, in all regions: one that is alone has no peers. */
  nodeCount: z.number(),
});

/** What `inspect` and the actions need to know of a chain besides its settings. All of it is public. */
export type Inspection = z.output<typeof inspectionShape>;

/** The framework's `inspection`. Pure. Empty where genesis and parameters are not made yet. */
export const inspection = (spec: ChainSpec, material: readonly MaterialItem[]): JsonObject => {
  const made = genesis.safeParse(findItem(material, materialNames.genesis)?.public);
  const given = parameters.safeParse(findItem(material, materialNames.parameters)?.public);
  if (!made.success || !given.success) return {};
  const found: Inspection = {
    genesis: made.data,
    protocol: given.data.protocol,
    blockDelaySeconds: given.data.parameters.minimal_block_delay,
    delayIncrementSeconds: given.data.parameters.delay_increment_per_round,
    nodeCount: topology(spec).length,
  };
  return found;
};

/** As it came with the order. Undefined where that was written before there was anything to say. */
export const readInspection = (value: JsonObject | undefined): Inspection | undefined => {
  const parsed = inspectionShape.safeParse(value);
  return parsed.success ? parsed.data : undefined;
};
