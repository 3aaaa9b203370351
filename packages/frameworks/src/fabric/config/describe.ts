import {
  type AddressesByRegion,
  type ChainSpec,
  DomainError,
  type JsonValue,
  type MaterialItem,
  type NodeAddress,
} from "@portolan/domain";
import { materialNames, newest } from "../names.ts";
import type { ChannelSettings, Part } from "../parts.ts";
import { type FabricOrganisation, mspIdOf, ordererMspId, ordererOrganisation, readSettings } from "../settings.ts";
import { ordererName, ordererOrdinals, peersOf, ports } from "../topology.ts";
import type { ConsenterDescription, Endpoint, NetworkDescription, OrgDescription } from "./description.ts";

type Material = readonly Pick<MaterialItem, "name" | "version" | "public">[];

const member = (value: JsonValue | undefined, key: string): string | undefined => {
  if (value === null || typeof value !== "object" || Array.isArray(value)) return undefined;
  const found = (value as { readonly [key: string]: JsonValue })[key];
  return typeof found === "string" ? found : undefined;
};

const findPem = (material: Material, name: string): string | undefined => member(newest(material, name)?.public, "pem");

const needPem = (material: Material, name: string): string => {
  const pem = findPem(material, name);
  if (pem !== undefined) return pem;
  throw new DomainError({
    code: "material.failed",
    message: "A certificate that the channel's configuration needs was not made yet.",
    detail: `no material ${name}`,
    retryable: true,
  });
};

const needAddress = (addresses: readonly NodeAddress[], node: string): Endpoint => {
  const found = addresses.find((address) => address.node === node && address.port === ports.grpc);
  if (found !== undefined) return { host: found.host, port: found.number };
  throw new DomainError({
    code: "material.failed",
    message: "An address that the channel's configuration needs was not reserved yet.",
    detail: `no address of ${node}`,
    retryable: true,
  });
};

const toOrganisation = (material: Material, name: string, mspId: string): OrgDescription => {
  const crlPem = findPem(material, materialNames.crl(name));
  return {
    name,
    mspId,
    caPem: needPem(material, materialNames.ca(name)),
    tlsCaPem: needPem(material, materialNames.tlsCa(name)),
    ...(crlPem === undefined ? {} : { crlPem }),
  };
};

const toConsenter = (material: Material, addresses: readonly NodeAddress[], ordinal: number): ConsenterDescription => {
  const node = ordererName(ordinal);
  return {
    id: ordinal + 1,
    ...needAddress(addresses, node),
    mspId: ordererMspId,
    identityPem: needPem(material, materialNames.enrolment(node)),
    tlsPem: needPem(material, materialNames.tls(node)),
  };
};

/** The organisations whose peers join, in the order of the network's settings. Throws where one is not there. */
export const channelOrganisations = (
  organisations: readonly FabricOrganisation[],
  channel: Pick<Part<ChannelSettings>, "settings">,
): FabricOrganisation[] => {
  const wanted = channel.settings.organisations;
  if (wanted === undefined) return [...organisations];
  const known = organisations.map(({ name }) => name);
  const unknown = wanted.find((name) => !known.includes(name));
  if (unknown !== undefined)
    throw new DomainError({
      code: "chain.settings_invalid",
      message: `There is no organisation "${unknown}" in this network.`,
      hint: `It has ${known.join(", ")}.`,
    });
  return organisations.filter(({ name }) => wanted.includes(name));
};

/**
 * What a channel's configuration should say, from the newest material and the reserved addresses. The first peer of
 * each organisation is its anchor. Throws `material.failed` where something is not made or reserved yet, and
 * `chain.settings_invalid` for an organisation that the network doesn't have.
 */
export const toNetworkDescription = (
  spec: ChainSpec,
  material: Material,
  addresses: AddressesByRegion,
  channel: Pick<Part<ChannelSettings>, "name" | "settings">,
): NetworkDescription => {
  const settings = readSettings(spec.settings);
  const all = Object.values(addresses).flat();
  const consenters = ordererOrdinals(spec).map((ordinal) => toConsenter(material, all, ordinal));
  const organisations = channelOrganisations(settings.organisations, channel).map((organisation) => ({
    ...toOrganisation(material, organisation.name, mspIdOf(organisation)),
    peers: organisation.peers,
    anchors: peersOf(organisation)
      .slice(0, 1)
      .map((node) => needAddress(all, node)),
  }));
  return {
    channelId: channel.name,
    consensus: settings.consensus,
    ordererOrg: {
      ...toOrganisation(material, ordererOrganisation, ordererMspId),
      endpoints: consenters.map(({ host, port }) => `${host}:${port}`),
    },
    consenters,
    organisations,
    batch: channel.settings.batch,
    policies: channel.settings.policies,
  };
};
