import type { ChainSpec, ChainView, MaterialItem } from "@portolan/domain";
import { toEvmDocuments } from "../evm/quickstart/documents.ts";
import type { ChainAddresses, ChainDocument } from "../framework.ts";
import { genesisOf } from "./genesis.ts";
import { materialNames } from "./names.ts";
import { readSettings } from "./settings.ts";

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
  ];
};
