import type { AddressesByRegion, ChainSpec, MaterialItem } from "@portolan/domain";
import { z } from "zod";
import { chaincodeAddress, chaincodePackageOf } from "./chaincode/package.ts";
import type { Definition } from "./client/lifecycle.ts";
import { toApplicationPolicy } from "./config/index.ts";
import { isEndorsable } from "./endorsable.ts";
import { type ChaincodeSettings, channelsOf, type Part } from "./parts.ts";
import { readSettings } from "./settings.ts";
import { chaincodeNodeName } from "./topology.ts";

/** What is wanted of a chaincode on its channel. */
export const chaincodeWish = z.object({
  name: z.string(),
  channel: z.string(),
  version: z.string(),
  /** Bytes of a `protos.ApplicationPolicy`, base64. */
  policy: z.string(),
  isInitRequired: z.boolean(),
  packageId: z.string(),
  /** `host:port` where it listens: of its node, or the customer's own, which only the node in its place knows. */
  address: z.string(),
  /** The node that stands in its place, where it is the customer's own. */
  relay: z.string().exactOptional(),
  /** Names of the organisations on the channel, each of which has to approve. */
  organisations: z.array(z.string()),
  /** Those among them whose peers get it. */
  hosts: z.array(z.string()),
  /** Those among them whose peers must know who endorses it; none where its hosts alone can't meet its policy. */
  planners: z.array(z.string()).default([]),
});

export type ChaincodeWish = z.output<typeof chaincodeWish>;

/** What no policy of its own means: the channel's. */
const channelPolicy = "/Channel/Application/Endorsement";

/** Organisations that take part in a channel, in the order of the network's settings. Undefined: no such channel. */
export const organisationsOfChannel = (spec: ChainSpec, name: string): string[] | undefined => {
  const channel = channelsOf(spec).find((part) => part.name === name && !part.isDeleted);
  if (channel === undefined) return undefined;
  const all = readSettings(spec.settings).organisations.map((organisation) => organisation.name);
  return all.filter((item) => channel.settings.organisations?.includes(item) ?? true);
};

/** Undefined while its channel, or the address that it will listen at, is not there. Pure. */
export const toChaincodeWish = (
  spec: ChainSpec,
  part: Pick<Part<ChaincodeSettings>, "name" | "settings">,
  context: { material: readonly MaterialItem[]; addresses: AddressesByRegion },
): ChaincodeWish | undefined => {
  const organisations = organisationsOfChannel(spec, part.settings.channel);
  const made = chaincodePackageOf(spec, part, context);
  const { source } = part.settings;
  const address = source.kind === "external" ? source.address : chaincodeAddress(context.addresses, part.name);
  if (organisations === undefined || made === undefined || address === undefined) return undefined;
  const policy = toApplicationPolicy(part.settings.endorsementPolicy ?? channelPolicy);
  const hosts = organisations.filter((item) => part.settings.organisations?.includes(item) ?? true);
  return {
    name: part.name,
    channel: part.settings.channel,
    version: part.settings.version,
    policy: Buffer.from(policy).toString("base64"),
    isInitRequired: part.settings.init !== undefined,
    packageId: made.packageId,
    address,
    ...(source.kind === "external" ? { relay: chaincodeNodeName(part.name) } : {}),
    organisations,
    hosts,
    planners: isEndorsable(spec, part.settings, { organisations, hosts }) ? organisations : [],
  };
};

/** The package that an organisation's peers are to run; null: it approves without having one. */
export const wishedPackage = (wish: ChaincodeWish, organisation: string): string | null =>
  wish.hosts.includes(organisation) ? wish.packageId : null;

/** Whether a definition says what is wished, whatever its sequence. */
export const isAsWished = (wish: ChaincodeWish, definition: Definition): boolean =>
  definition.version === wish.version &&
  definition.policy === wish.policy &&
  definition.isInitRequired === wish.isInitRequired;

export const toDefinition = (wish: ChaincodeWish, sequence: number): Definition => ({
  name: wish.name,
  version: wish.version,
  sequence,
  policy: wish.policy,
  isInitRequired: wish.isInitRequired,
});

/** How a chaincode is called in facts. */
export const chaincodeKey = (wish: Pick<ChaincodeWish, "channel" | "name">): string => `${wish.channel}/${wish.name}`;
