import type { ChainSpec, ChainView, MaterialItem } from "@portolan/domain";
import type { ChainAddresses, ChainDocument } from "../framework.ts";
import { renderTaquitoSnippet } from "./documents/taquito-snippet.ts";
import { findItem, materialNames } from "./names.ts";

const toJson = (name: string, title: string, value: unknown): ChainDocument => ({
  name,
  title,
  mediaType: "application/json",
  content: `${JSON.stringify(value, null, 2)}\n`,
});

/** What a developer takes home: how to call the chain, what it began with. Pure; empty before that is made. */
export const documents = (
  spec: ChainSpec,
  material: readonly MaterialItem[],
  _view: ChainView | null,
  addresses: ChainAddresses,
): readonly ChainDocument[] => {
  const url = spec.regions.map((region) => addresses.http[region]).find((found) => found !== undefined);
  const genesis = findItem(material, materialNames.genesis);
  const parameters = findItem(material, materialNames.parameters);
  return [
    ...(url === undefined
      ? []
      : [
          {
            name: "connect.mjs",
            mediaType: "text/javascript",
            title: "Taquito: reads the chain, and sends a tez where a key is given",
            content: renderTaquitoSnippet(url),
          },
        ]),
    ...(genesis === undefined ? [] : [toJson("network.json", "What tells this chain from others", genesis.public)]),
    ...(parameters === undefined
      ? []
      : [toJson("parameters.json", "The protocol, and everything that it was activated with", parameters.public)]),
  ];
};
