import type { ChainSpec, ChainView, MaterialItem } from "@portolan/domain";
import { detailOf, inForceOf, nodesByAddress } from "./facts.ts";
import { validatorName, validatorOrdinals } from "./topology.ts";

/**
 * Validators that are not wished any more and still count: they run on until they are voted out, because one that stops
 * before takes from the two thirds that seal blocks. Not those that the runtime has given up: nothing is to be had of them
 * but their place in the set, and the others can take that away. Pure.
 */
export const leaving = (spec: ChainSpec, material: readonly MaterialItem[], view: ChainView | null): string[] => {
  const wished = new Set(validatorOrdinals(spec).map(validatorName));
  const names = nodesByAddress(material);
  return (inForceOf(view) ?? [])
    .flatMap((address) => {
      const name = names.get(address);
      if (name === undefined || wished.has(name) || view?.nodes[name] === undefined) return [];
      return detailOf(view, name)?.isFailed === true ? [] : [name];
    })
    .sort();
};
