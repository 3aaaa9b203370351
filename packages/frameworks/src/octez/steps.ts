import type { ChainSpec, ChainView, JsonObject, MaterialItem, Step } from "@portolan/domain";
import { z } from "zod";
import { readFacts } from "./facts.ts";
import { findItem, materialNames } from "./names.ts";
import { activationNode, topology } from "./topology.ts";

const isObject = (value: unknown): value is JsonObject =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** What the activation needs besides what every action is told: which protocol, and with what parameters. */
export const activationInput = z.object({
  /** Hash. */
  protocol: z.string(),
  parameters: z.custom<JsonObject>(isObject),
});

const timeoutMs = 60_000;

/** Enough of a hash to tell protocols apart by. */
export const shortHash = (hash: string): string => hash.slice(0, 8);

/**
 * What remains to be done inside the network: until a protocol is in force, its activation; and where another one is, the
 * same step, which says so. All else is in the parameters: bakers have their stake, and accounts their tez, from the
 * first block on; nodes that are added find their peers themselves. Pure.
 */
export const steps = (spec: ChainSpec, material: readonly MaterialItem[], view: ChainView): Step[] => {
  const given = activationInput.safeParse(findItem(material, materialNames.parameters)?.public);
  const node = topology(spec).find(({ name }) => name === activationNode);
  if (!given.success || node === undefined) return [];
  const { protocol, parameters } = given.data;
  const facts = readFacts(view);
  // One that was brought here has its blocks with it; without them it is not begun anew.
  const isActivated = facts?.isActivated === true || spec.isImported === true;
  if (isActivated && (facts?.protocol ?? protocol) === protocol) return [];
  return [
    {
      key: "protocol/activate",
      action: "protocol.activate",
      title: `Activate protocol ${shortHash(protocol)}`,
      region: node.region,
      node: node.name,
      dependsOn: [],
      input: { protocol, parameters },
      isUndoable: false,
      timeoutMs,
    },
  ];
};

/**
 * Keys that may be signed with where the network is reachable. The activator is an authority for one block only: the
 * protocol of block 0 asks for its signature, and once another is in force nobody asks for it again.
 */
export const signers = (): readonly string[] => [materialNames.activator];
