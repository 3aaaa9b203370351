import type { AddressesByRegion, ChainSpec, JsonObject, MaterialItem } from "@portolan/domain";
import { z } from "zod";
import { identityOf, toEnode } from "./node-key.ts";
import { evmChainId, readSettings, requestTimeoutOf } from "./settings.ts";
import { ports, topology, validatorOrdinals } from "./topology.ts";

const inspectedNode = z.object({
  /** What it is called in votes and blocks. */
  address: z.string(),
  /** Its public key, as enode addresses have it. */
  enodeKey: z.string(),
  /** Where the others reach it. */
  enode: z.string(),
});

const inspectionShape = z.object({
  chainId: z.string(),
  blockPeriodSeconds: z.number(),
  requestTimeoutSeconds: z.number(),
  /** Numbers of the validators that are wished, ascending: under which wish a look was taken. */
  wish: z.string(),
  /** All nodes of the chain, of every region, by name. */
  nodes: z.record(z.string(), inspectedNode),
});

/** What `inspect` and the actions need to know of a network besides its settings. All of it is public. */
export type Inspection = z.output<typeof inspectionShape>;

/** As in `Inspection`. */
export const wishOf = (spec: Pick<ChainSpec, "settings" | "plan">): string => validatorOrdinals(spec).join();

/** The framework's `inspection`. Pure. Nodes without a key or an address yet are left out. */
export const inspection = (
  spec: ChainSpec,
  material: readonly MaterialItem[],
  addresses: AddressesByRegion,
): JsonObject => {
  const settings = readSettings(spec.settings);
  const nodes = topology(spec).flatMap(({ name, region }): [string, Inspection["nodes"][string]][] => {
    const identity = identityOf(material, name);
    const at = addresses[region]?.find(({ node, port }) => node === name && port === ports.p2p);
    if (identity === undefined || at === undefined) return [];
    return [[name, { address: identity.address, enodeKey: identity.enodeKey, enode: toEnode(identity, at) }]];
  });
  const found: Inspection = {
    chainId: String(evmChainId(spec)),
    blockPeriodSeconds: settings.blockPeriodSeconds,
    requestTimeoutSeconds: requestTimeoutOf(settings),
    wish: wishOf(spec),
    nodes: Object.fromEntries(nodes),
  };
  return found;
};

/** As it came with the order. Undefined where that was written before there was anything to say. */
export const readInspection = (value: JsonObject | undefined): Inspection | undefined => {
  const parsed = inspectionShape.safeParse(value);
  return parsed.success ? parsed.data : undefined;
};

/**
 * For how long there may be no new block before something is wrong: several rounds that found no proposer, and never less
 * than what lies between two looks.
 */
export const patienceOf = ({
  blockPeriodSeconds,
  requestTimeoutSeconds,
}: Pick<Inspection, "blockPeriodSeconds" | "requestTimeoutSeconds">): number =>
  Math.max(30_000, 6_000 * (blockPeriodSeconds + requestTimeoutSeconds));
