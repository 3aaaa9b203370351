import type { AddressesByRegion, ChainSpec, JsonObject, MaterialItem } from "@portolan/domain";
import { z } from "zod";
import { type ChaincodeWish, chaincodeWish, organisationsOfChannel, toChaincodeWish } from "./chaincode-wish.ts";
import { textOf } from "./material/draft.ts";
import { materialNames, newest } from "./names.ts";
import { chaincodesOf, channelsOf } from "./parts.ts";
import { mspIdOf, ordererMspId, ordererOrganisation, readSettings } from "./settings.ts";
import { peersOf, ports } from "./topology.ts";

const organisation = z.object({
  name: z.string(),
  mspId: z.string(),
  /** With this certificate the plane acts for it. */
  adminPem: z.string(),
  tlsCaPem: z.string(),
  /** Names of its peers. */
  peers: z.array(z.string()),
});

const inspectionShape = z.object({
  /** With peers; the one that the orderers belong to is apart. */
  organisations: z.array(organisation),
  orderer: organisation,
  /** Whose peers are gone from the network: their word may be needed to take them off a channel. */
  former: z.array(organisation),
  operatorCaPem: z.string(),
  /** Node → where others reach its gRPC service; its certificates are for that host. */
  endpoints: z.record(z.string(), z.object({ host: z.string(), port: z.number() })),
  channels: z.array(z.object({ id: z.string(), organisations: z.array(z.string()) })),
  chaincodes: z.array(chaincodeWish),
});

/** What `inspect` and the actions need to know of a Fabric network besides its settings. All of it is public. */
export type Inspection = z.output<typeof inspectionShape>;
export type InspectedOrganisation = z.output<typeof organisation>;

/** Empty where it is not made yet: what needs it fails where it is used, and is tried again. */
const pemOf = (material: readonly MaterialItem[], name: string): string => textOf(newest(material, name), "pem") ?? "";

const toOrganisation = (
  material: readonly MaterialItem[],
  { name, mspId, peers }: { name: string; mspId: string; peers: string[] },
) => ({
  name,
  mspId,
  adminPem: pemOf(material, materialNames.admin(name)),
  tlsCaPem: pemOf(material, materialNames.tlsCa(name)),
  peers,
});

const administrators = /^admin\/(.+)$/;

/** Those that have an administrator still, which knows the MSP id that the settings have forgotten. */
const formerOrganisations = (material: readonly MaterialItem[], present: readonly string[]) => {
  const names = new Set(material.flatMap(({ name }) => administrators.exec(name)?.[1] ?? []));
  return [...names]
    .filter((name) => name !== ordererOrganisation && !present.includes(name))
    .sort()
    .map((name) => {
      const mspId = textOf(newest(material, materialNames.admin(name)), "mspId") ?? mspIdOf({ name });
      return { name, mspId, peers: [] };
    });
};

/** The framework's `inspection`. Pure. */
export const inspection = (
  spec: ChainSpec,
  material: readonly MaterialItem[],
  addresses: AddressesByRegion,
): JsonObject => {
  const { organisations } = readSettings(spec.settings);
  const wishes = chaincodesOf(spec)
    .filter((part) => !part.isDeleted)
    .map((part) => toChaincodeWish(spec, part, { material, addresses }));
  const found: Inspection = {
    organisations: organisations.map((item) =>
      toOrganisation(material, { name: item.name, mspId: mspIdOf(item), peers: peersOf(item) }),
    ),
    orderer: toOrganisation(material, { name: ordererOrganisation, mspId: ordererMspId, peers: [] }),
    former: formerOrganisations(
      material,
      organisations.map(({ name }) => name),
    ).map((item) => toOrganisation(material, item)),
    operatorCaPem: pemOf(material, materialNames.operatorCa),
    endpoints: Object.fromEntries(
      Object.values(addresses)
        .flat()
        .flatMap(({ node, port, host, number }) => (port === ports.grpc ? [[node, { host, port: number }]] : [])),
    ),
    channels: channelsOf(spec)
      .filter((part) => !part.isDeleted)
      .map((part) => ({ id: part.name, organisations: organisationsOfChannel(spec, part.name) ?? [] })),
    chaincodes: wishes.filter((wish): wish is ChaincodeWish => wish !== undefined),
  };
  return found;
};

/** As it came with the order. Undefined where that was written before there was anything to say. */
export const readInspection = (value: JsonObject | undefined): Inspection | undefined => {
  const parsed = inspectionShape.safeParse(value);
  return parsed.success ? parsed.data : undefined;
};
