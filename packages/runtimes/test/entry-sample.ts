import type { Blueprint } from "@portolan/domain";
import { readProgramFiles } from "../src/kubernetes/entry/program-files.ts";
import { type EntryObject, renderEntry } from "../src/kubernetes/entry/render-entry.ts";
import { renderEntryEgress } from "../src/kubernetes/entry/render-outside.ts";
import { kubernetesSettings } from "../src/kubernetes/settings.ts";
import { toNamespaceName } from "../src/kubernetes/space.ts";
import { fullBlueprint, fullNode } from "./full-blueprint.ts";
import { type ManifestSample, manifestsOf } from "./manifest-samples.ts";

/** Of a region that lets callers from outside in. */
export const entrySettings = kubernetesSettings.parse({
  entry: {
    domain: "paris.example.org",
    ports: { first: 30_300, count: 3 },
    annotations: { "example.org/balancer": "internal" },
  },
  mirror: "mirror.example:5000",
  pullSecret: { namespace: "portolan", name: "registry" },
});

export const entryPlacement = {
  tenantId: "ten_01jd0000000000000000000001",
  region: "here",
  placementId: fullBlueprint.placementId,
  chainId: fullBlueprint.chainId,
};

const serverName = "node-0-chn.paris.example.org";

/** One node is shown, by its name and by a number of the entry. */
export const shownBlueprint: Blueprint = {
  ...fullBlueprint,
  nodes: fullBlueprint.nodes.map((node) =>
    node.name === fullNode.name
      ? {
          ...node,
          ports: node.ports.map((port, index) =>
            index === 0
              ? { ...port, outside: { host: serverName, number: 443, serverName } }
              : { ...port, outside: { host: serverName, number: 30_300 + index } },
          ),
        }
      : node,
  ),
};

export const renderSampleEntry = (files: { readonly [name: string]: string } = readProgramFiles()): EntryObject[] => {
  const { entry } = entrySettings;
  if (entry === undefined) throw new Error("there is no entry");
  return renderEntry({ settings: { ...entrySettings, entry }, toolsImage: "docker.io/library/node:24", files });
};

/** The entry, and a placement with its ways to and from it: every object as it goes to the API server. */
export const entryManifests = (): object[] => {
  const content = Buffer.from("// content\n");
  const shown: ManifestSample = {
    name: "shown",
    placement: entryPlacement,
    blueprint: shownBlueprint,
    settings: entrySettings,
    secrets: { secret: () => content, public: () => ({ pem: "content" }), asset: () => content },
  };
  const namespace = toNamespaceName(entryPlacement);
  const egress = renderEntryEgress(entryPlacement, namespace, shownBlueprint, entrySettings);
  if (egress === undefined) throw new Error("nothing is shown");
  return [...renderSampleEntry(), egress, ...manifestsOf(shown)];
};
