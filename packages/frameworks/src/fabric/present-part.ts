import type { ChainSpec, ChainView, JsonObject, MaterialItem, PartSpec } from "@portolan/domain";
import { channelsOfNode } from "./facts.ts";
import { materialNames, newest } from "./names.ts";
import { chaincodeSettings } from "./parts.ts";
import { mergedChaincode } from "./steps/chaincode-steps.ts";
import { newestConfig } from "./steps/channel-steps.ts";
import { type Scene, toScene } from "./steps/scene.ts";

const presentChannel = (scene: Scene, part: PartSpec): JsonObject => {
  const config = newestConfig(scene, part.name);
  const nodes = scene.nodes.flatMap(({ name, role }) => {
    const found = channelsOfNode(scene.view, name)[part.name];
    return found === undefined ? [] : [{ node: name, role, height: found.height, isLeader: found.isLeader === true }];
  });
  return {
    height: Math.max(0, ...nodes.map(({ height }) => height)),
    configSequence: config?.sequence ?? null,
    organisations: config?.digest.organisations.map(({ mspId }) => mspId) ?? [],
    nodes,
  };
};

const presentChaincode = (scene: Scene, part: PartSpec): JsonObject => {
  const { channel } = chaincodeSettings.parse(part.settings);
  const seen = mergedChaincode(scene, { channel, name: part.name });
  const approvals = Object.entries(seen.approvals).map(([organisation, { sequence, packageId }]) => ({
    organisation,
    sequence,
    packageId,
  }));
  // Nobody has looked yet: that is not the same as nobody having approved.
  const isSeen = seen.at !== "";
  return {
    seenAt: isSeen ? seen.at : null,
    sequence: seen.committed?.sequence ?? null,
    version: seen.committed?.version ?? null,
    approvals: isSeen ? approvals : null,
    isInitialised: seen.isInitialised,
    ...(seen.problem === undefined ? {} : { problem: seen.problem }),
  };
};

const presentIdentity = (material: readonly MaterialItem[], part: PartSpec): JsonObject => {
  const found = newest(material, materialNames.identity(part.id))?.public;
  return typeof found === "object" && found !== null && !Array.isArray(found) ? (found as JsonObject) : {};
};

/** The framework's `presentPart`. Pure. */
export const presentPart = (
  spec: ChainSpec,
  part: PartSpec,
  material: readonly MaterialItem[],
  view: ChainView | null,
): JsonObject => {
  if (part.kind === "identity") return presentIdentity(material, part);
  const scene = toScene({ spec, material, view: view ?? { nodes: {}, facts: {}, at: "" }, addresses: {} });
  if (part.kind === "channel") return presentChannel(scene, part);
  return part.kind === "chaincode" ? presentChaincode(scene, part) : {};
};
