import type { JsonObject } from "@portolan/domain";
import { z } from "zod";

/** Slugs are parts of node names, certificates' names and paths. */
const slug = z
  .string()
  .regex(
    /^[a-z](?:[a-z0-9-]{0,14}[a-z0-9])?$/,
    "must be lower-case letters, digits and hyphens, at most 16, a letter first",
  )
  .refine((text) => text !== "orderer", { message: "is the name of the organisation that the orderers belong to" });

const organisation = z.strictObject({
  name: slug.describe("Its name in node names and certificates; can't be changed."),
  mspId: z
    .string()
    .regex(/^[A-Za-z][A-Za-z0-9.-]{0,62}$/, "must be letters, digits, dots and hyphens, a letter first")
    .exactOptional()
    .describe("Its MSP id on the channels; without it the name with a capital letter and `MSP`, e.g. `Org1MSP`."),
  peers: z.number().int().min(1).max(8).default(1).describe("Peers of this organisation; each endorses and commits."),
});

const areDistinct = (names: readonly string[]): boolean => new Set(names).size === names.length;

/**
 * Consensus and its size: Raft survives the loss of (n-1)/2 orderers, BFT of (n-1)/3 even if they lie. Which counts
 * are sensible is Fabric's documentation's: 1, 3 or 5 for Raft, 4 for BFT.
 */
export const fabricSettings = z
  .strictObject({
    consensus: z
      .enum(["raft", "bft"])
      .default("raft")
      .describe("`raft` survives orderers that stop, `bft` also ones that lie; can't be changed."),
    orderers: z
      .number()
      .int()
      .min(1)
      .max(7)
      .exactOptional()
      .describe("How many: 1, 3 or 5 (raft), 4 (bft). Without it what the plan has. Changed one at a time."),
    retiredOrderers: z
      .array(z.number().int().min(0).max(99))
      .max(50)
      .refine((list) => new Set(list).size === list.length, { message: "must not have a number twice" })
      .default([])
      .describe("Numbers of orderers that were taken out for good: `[1]` with 3 orderers means 0, 2 and 3."),
    organisations: z
      .array(organisation)
      .min(1)
      .max(16)
      .refine((list) => areDistinct(list.map(({ name }) => name)), { message: "must not have a name twice" })
      .refine((list) => areDistinct(list.map((item) => mspIdOf(item))), { message: "must not have an MSP id twice" })
      .default([{ name: "org1", peers: 1 }])
      .describe("Organisations with peers. The orderers belong to one of their own, `OrdererMSP`."),
    outside: z
      .array(z.enum(["peers", "orderers"]))
      .max(2)
      .refine(areDistinct, { message: "must not have one twice" })
      .exactOptional()
      .describe(
        "Nodes that callers from outside the region reach by TLS under names of their own, where it has an entry for them: peers, orderers or both. Without it only the gateway reaches them.",
      ),
  })
  .meta({ id: "FabricSettings" });

export type FabricSettings = z.output<typeof fabricSettings>;
export type FabricOrganisation = FabricSettings["organisations"][number];

/** Name and MSP id of the organisation that runs the orderers. */
export const ordererOrganisation = "orderer";
export const ordererMspId = "OrdererMSP";

/** `org1` → `Org1MSP`, unless the tenant chose another. */
export const mspIdOf = (organisation: { name: string; mspId?: string }): string =>
  organisation.mspId ?? `${organisation.name.charAt(0).toUpperCase()}${organisation.name.slice(1)}MSP`;

/** Settings out of a spec: they were parsed when they came in, so a failure here is a bug and throws. */
export const readSettings = (settings: JsonObject): FabricSettings => fabricSettings.parse(settings);
