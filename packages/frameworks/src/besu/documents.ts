import type { ChainSpec, ChainView, MaterialItem } from "@portolan/domain";
import { toEvmDocuments } from "../evm/quickstart/documents.ts";
import type { ChainAddresses, ChainDocument } from "../framework.ts";
import { genesisOf } from "./genesis.ts";
import { materialNames } from "./names.ts";
import { identityOf } from "./node-key.ts";
import { readSettings } from "./settings.ts";
import { topology } from "./topology.ts";

/** What a node of somebody else's needs to know of those that it may join, besides their addresses. */
const toNeighbours = (spec: ChainSpec, material: readonly MaterialItem[]): ChainDocument[] => {
  const shown = topology(spec).filter(({ ports }) => ports.some(({ outsideBy }) => outsideBy !== undefined));
  const keys = shown.flatMap(({ name }) => {
    const identity = identityOf(material, name);
    return identity === undefined ? [] : [{ node: name, enodeKey: identity.enodeKey }];
  });
  if (keys.length === 0) return [];
  return [
    {
      name: "neighbours.json",
      mediaType: "application/json",
      title: "Nodes to join: enode://<enodeKey>@<host>:<port>?discport=0, with `outside` of the chain's nodes",
      content: `${JSON.stringify(keys, null, 2)}\n`,
    },
  ];
};

/** The framework's `documents`: what a developer takes home; once there is one, the genesis too. Pure. */
export const documents = (
  spec: ChainSpec,
  material: readonly MaterialItem[],
  _view: ChainView | null,
  { http }: ChainAddresses,
): readonly ChainDocument[] => {
  if (!material.some(({ name }) => name === materialNames.genesis)) return [];
  const { genesis, chainId } = genesisOf(material);
  return [
    ...toEvmDocuments({ name: spec.name, chainId, isGasFree: readSettings(spec.settings).gas === "free", http }),
    {
      name: "genesis.json",
      mediaType: "application/json",
      title: "The genesis, as every node has it",
      content: genesis,
    },
    ...toNeighbours(spec, material),
  ];
};
