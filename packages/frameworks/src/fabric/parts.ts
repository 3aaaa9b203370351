import { type ChainSpec, maxImageReference, type PartSpec } from "@portolan/domain";
import { z } from "zod";
import type { PartKind } from "../part-kind.ts";

const organisationName = z
  .string()
  .regex(/^[a-z][a-z0-9-]{0,15}$/, "must be the name of an organisation of the network");

/** How blocks are cut; bounds so that a block fits into one message (Fabric's default is 100 MB, half of it is safe). */
const batch = z.strictObject({
  timeoutMs: z
    .number()
    .int()
    .min(10)
    .max(60_000)
    .default(200)
    .describe("How long a block waits for more transactions."),
  maxMessages: z.number().int().min(1).max(10_000).default(500),
  absoluteMaxBytes: z.number().int().min(65_536).max(49_000_000).default(10_485_760),
  preferredMaxBytes: z.number().int().min(65_536).max(49_000_000).default(2_097_152),
});

/** `ANY Writers`, `MAJORITY Endorsement`, `OR('Org1MSP.peer','Org2MSP.peer')`, `OutOf(2, 'A.peer', …)`. */
const policyText = z.string().min(3).max(2_000);

export const channelSettings = z
  .strictObject({
    organisations: z
      .array(organisationName)
      .min(1)
      .max(16)
      .exactOptional()
      .describe("Whose peers join; without it all of the network's."),
    batch: batch.prefault({}),
    policies: z
      .strictObject({
        endorsement: policyText.default("MAJORITY Endorsement"),
        lifecycle: policyText.default("MAJORITY Endorsement"),
      })
      .prefault({})
      .describe("Of the channel: who must endorse where a chaincode says nothing, and who must approve a chaincode."),
  })
  .meta({ id: "ChannelSettings" });

export const chaincodeSettings = z
  .strictObject({
    channel: z.string().min(1).max(64).describe("Name of the channel."),
    source: z
      .discriminatedUnion("kind", [
        z.strictObject({
          kind: z.literal("catalogue"),
          name: z
            .string()
            .regex(/^[a-z][a-z0-9-]{0,31}$/)
            .describe("From the operator's list."),
        }),
        z.strictObject({
          kind: z.literal("external"),
          address: z
            .string()
            .max(262)
            .regex(/^[^\s:/@]+:[0-9]{1,5}$/, "must be host:port")
            .describe("Reached through the plane's guarded way out: only names and addresses of the public internet."),
          rootCertificate: z
            .string()
            .max(20_000)
            .exactOptional()
            .describe(
              "PEM of who signed the server's certificate; with it the connection there uses TLS, without it it is open.",
            ),
        }),
        z.strictObject({
          kind: z.literal("image"),
          image: z
            .string()
            .min(1)
            .max(maxImageReference)
            .describe(
              "`registry/name@sha256:…`: a chaincode server of your own, run by its image's entry point as a node of the chain, apart from its other nodes.",
            ),
        }),
      ])
      .describe(
        "Where it runs: as a node of the chain (the operator's, or an image of your own), or at an address of your own.",
      ),
    version: z
      .string()
      .regex(/^[A-Za-z0-9_.+-]{1,32}$/)
      .default("1.0")
      .describe("A label of yours."),
    endorsementPolicy: policyText.exactOptional().describe("Without it the channel's own."),
    organisations: z
      .array(organisationName)
      .min(1)
      .max(16)
      .exactOptional()
      .describe("Whose peers get it; all unless told."),
    init: z
      .strictObject({ function: z.string().min(1).max(128), args: z.array(z.string().max(65_536)).max(32).default([]) })
      .exactOptional()
      .describe("Called once before anything else may be."),
  })
  .meta({ id: "ChaincodeSettings" });

export const identitySettings = z
  .strictObject({
    organisation: organisationName,
    role: z.enum(["client", "admin"]).default("client"),
    keys: z
      .discriminatedUnion("mode", [
        z.strictObject({ mode: z.literal("plane") }),
        z.strictObject({ mode: z.literal("own"), csr: z.string().max(10_000).describe("PKCS #10, PEM, P-256.") }),
      ])
      .default({ mode: "plane" })
      .describe("`plane`: Portolan makes and holds the private key. `own`: send a request, the key stays with you."),
    validDays: z.number().int().min(1).max(825).default(365),
  })
  .meta({ id: "IdentitySettings" });

export type ChannelSettings = z.output<typeof channelSettings>;
export type ChaincodeSettings = z.output<typeof chaincodeSettings>;
export type IdentitySettings = z.output<typeof identitySettings>;

export const fabricParts = [
  {
    kind: "channel",
    plural: "channels",
    title: "channel",
    idPrefix: "cha",
    settings: channelSettings,
    name: {
      pattern: /^[a-z][a-z0-9.-]*$/,
      maxLength: 64,
      message: "must be lower-case letters, digits, dots and hyphens, a letter first, at most 64",
    },
    update: "settings",
    // Peers can't leave a channel while they run, and orderers that forget one stumble over its remains.
    deletable: false,
  },
  {
    kind: "chaincode",
    plural: "chaincodes",
    title: "chaincode",
    idPrefix: "cco",
    settings: chaincodeSettings,
    name: {
      pattern: /^[a-z][a-z0-9-]*$/,
      maxLength: 32,
      message: "must be lower-case letters, digits and hyphens, a letter first, at most 32",
    },
    update: "settings",
    deletable: true,
  },
  {
    kind: "identity",
    plural: "identities",
    title: "identity",
    idPrefix: "idn",
    settings: identitySettings,
    name: {
      pattern: /^[A-Za-z0-9][A-Za-z0-9.@-]*$/,
      maxLength: 63,
      message: "must be letters, digits, dots, hyphens and @, a letter or digit first, at most 63",
    },
    update: "settings",
    deletable: true,
  },
] as const satisfies readonly PartKind[];

export interface Part<Settings> {
  id: string;
  name: string;
  generation: number;
  isDeleted: boolean;
  settings: Settings;
}

const toPart = <Settings>(part: PartSpec, schema: z.ZodType<Settings>): Part<Settings> => ({
  id: part.id,
  name: part.name,
  generation: part.generation,
  isDeleted: part.isDeleted === true,
  settings: schema.parse(part.settings),
});

const ofKind = <Settings>(
  spec: Pick<ChainSpec, "parts">,
  kind: string,
  schema: z.ZodType<Settings>,
): Part<Settings>[] => spec.parts.filter((part) => part.kind === kind).map((part) => toPart(part, schema));

/** Oldest first, as they are in the spec. */
export const channelsOf = (spec: Pick<ChainSpec, "parts">) => ofKind(spec, "channel", channelSettings);
export const chaincodesOf = (spec: Pick<ChainSpec, "parts">) => ofKind(spec, "chaincode", chaincodeSettings);
export const identitiesOf = (spec: Pick<ChainSpec, "parts">) => ofKind(spec, "identity", identitySettings);
