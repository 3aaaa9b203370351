import type { AddressesByRegion, ChainSpec, ChainView, MaterialItem, Step } from "@portolan/domain";
import { discardSteps, membershipSteps } from "./steps/membership-steps.ts";
import { peerSteps } from "./steps/peer-steps.ts";
import { toScene } from "./steps/scene.ts";

/**
 * What remains to be done inside the network: votes that are settled are taken back, then the set of validators is brought
 * to what is wished, one at a time, then nodes that don't know each other are told. Pure.
 */
export const steps = (
  spec: ChainSpec,
  material: readonly MaterialItem[],
  view: ChainView,
  _now: Date,
  addresses: AddressesByRegion,
): Step[] => {
  const scene = toScene({ spec, material, view, addresses });
  return scene === undefined ? [] : [...discardSteps(scene), ...membershipSteps(scene), ...peerSteps(scene)];
};
