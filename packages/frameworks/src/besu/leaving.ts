import type { ChainSpec, ChainView, MaterialItem } from "@portolan/domain";
import { detailOf, factsByRegion, inForceOf, nodesByAddress } from "./facts.ts";
import { wishOf } from "./inspection.ts";
import { addressesOfNodes } from "./material.ts";
import { quorumOf } from "./quorum.ts";
import { roles, topology, validatorName, validatorOrdinals } from "./topology.ts";

/** Votes that would still let it in, or may have been cast since a region was looked at: under the wish before. */
const mayBeVotedIn = (spec: ChainSpec, view: ChainView, address: string): boolean => {
  const regions = new Set(topology({ ...spec, leaving: [] }).map(({ region }) => region));
  return Object.entries(factsByRegion(view)).some(
    ([region, { wish, pending }]) =>
      regions.has(region) && (wish !== wishOf(spec) || Object.values(pending).some((votes) => votes[address] === true)),
  );
};

/** Whether too few of those in force are there for a block: then those that went are wanted back. */
const lacksQuorum = (view: ChainView, inForce: readonly string[], names: ReadonlyMap<string, string>): boolean => {
  const answering = inForce.filter((address) => view.nodes[names.get(address) ?? ""]?.height !== undefined);
  return answering.length < quorumOf(inForce.length);
};

/**
 * Validators that are not wished any more and count, or may yet: they run on until they are voted out, because one that
 * stops before takes from the two thirds that seal blocks. Not those that the runtime has given up: nothing is to be had
 * of them but their place in the set, and the others can take that away. Those that have gone come back where a backup has
 * a set in force that is not there any more. Pure.
 */
export const leaving = (spec: ChainSpec, material: readonly MaterialItem[], view: ChainView | null): string[] => {
  if (view === null) return [];
  const wished = new Set(validatorOrdinals(spec).map(validatorName));
  const inForce = inForceOf(view) ?? [];
  const isShort = lacksQuorum(view, inForce, nodesByAddress(material));
  return Object.entries(addressesOfNodes(material))
    .flatMap(([name, address]) => {
      if (!name.startsWith(`${roles.validator}-`) || wished.has(name)) return [];
      if (view.nodes[name] === undefined) return isShort && inForce.includes(address) ? [name] : [];
      if (detailOf(view, name)?.isFailed === true) return [];
      return inForce.includes(address) || mayBeVotedIn(spec, view, address) ? [name] : [];
    })
    .sort();
};
