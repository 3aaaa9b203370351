import type { AddressesByRegion, ChainSpec, ChainView, MaterialItem, Step } from "@portolan/domain";
import { chaincodesOf, channelsOf } from "./parts.ts";
import { chaincodeSteps } from "./steps/chaincode-steps.ts";
import { channelSteps } from "./steps/channel-steps.ts";
import { toScene } from "./steps/scene.ts";

/**
 * What remains to be done inside the network: channels first, each with its orderers, its configuration and its peers,
 * then chaincodes. The worker runs the steps of an order one after the other, so a step depends by name only on those
 * of other regions; within one region the order of the list is enough, and all of it is done in one turn. Pure.
 */
export const steps = (
  spec: ChainSpec,
  material: readonly MaterialItem[],
  view: ChainView,
  _now: Date,
  addresses: AddressesByRegion,
): Step[] => {
  const scene = toScene({ spec, material, view, addresses });
  const channels = channelsOf(spec).filter((part) => !part.isDeleted);
  const chaincodes = chaincodesOf(spec).filter((part) => !part.isDeleted);
  const ofChannels = channels.flatMap((part) => channelSteps(scene, part));
  const ofChaincodes = chaincodes.map((part) => chaincodeSteps(scene, part, ofChannels));
  // A chaincode that does not answer must not keep the others from being agreed upon, nor from being called.
  const calls = ofChaincodes.toSorted((a, b) => Number(a.isTroubled) - Number(b.isTroubled));
  return [...ofChannels, ...ofChaincodes.flatMap(({ agree }) => agree), ...calls.flatMap(({ call }) => call)];
};
