import type { ChainSpec, ChainView, MaterialItem } from "@portolan/domain";
import type { ChainAddresses, ChainDocument } from "../framework.ts";
import type { Connection } from "./documents/connection.ts";
import { toConnectionProfile } from "./documents/connection-profile.ts";
import { toExpiryCalendar } from "./documents/expiry-calendar.ts";
import { renderGoSnippet } from "./documents/go-snippet.ts";
import { renderJavaSnippet, toClassName } from "./documents/java-snippet.ts";
import { toMspDocument } from "./documents/msp.ts";
import { renderNodeSnippet } from "./documents/node-snippet.ts";
import { textOf } from "./material/draft.ts";
import { materialNames } from "./names.ts";
import { chaincodesOf, channelsOf, identitiesOf } from "./parts.ts";
import { mspIdOf, ordererMspId, ordererOrganisation, readSettings } from "./settings.ts";

const pemType = "application/x-pem-file";

const toJson = (name: string, title: string, value: unknown): ChainDocument => ({
  name,
  title,
  mediaType: "application/json",
  content: `${JSON.stringify(value, null, 2)}\n`,
});

/** The newest of each, looked at once: a chain may have thousands of identities. */
const toNewest = (material: readonly MaterialItem[]): Map<string, MaterialItem> => {
  const found = new Map<string, MaterialItem>();
  for (const item of material) {
    const known = found.get(item.name);
    if (known === undefined || known.version < item.version) found.set(item.name, item);
  }
  return found;
};

/** The organisation's first channel, and that channel's first chaincode; empty where there is none yet. */
const toDefaults = (spec: ChainSpec, organisation: string): { channel: string; chaincode: string } => {
  const chaincodes = chaincodesOf(spec).filter(({ isDeleted }) => !isDeleted);
  const channels = channelsOf(spec)
    .filter(({ settings }) => settings.organisations?.includes(organisation) ?? true)
    .map(({ name }) => name);
  const found = chaincodes.find(({ settings }) => channels.includes(settings.channel));
  return { channel: found?.settings.channel ?? channels[0] ?? "", chaincode: found?.name ?? "" };
};

const toConnectionDocuments = (
  spec: ChainSpec,
  connection: Connection,
  authorityPem: string | undefined,
): ChainDocument[] => {
  const { organisation } = connection;
  return [
    toJson(
      `connection-profile-${organisation}.json`,
      `Connection profile of ${organisation}`,
      toConnectionProfile(spec, connection, authorityPem),
    ),
    {
      name: `connect-${organisation}.mjs`,
      mediaType: "text/javascript",
      title: `Node: calls chaincode as a member of ${organisation} (run by the tests)`,
      content: renderNodeSnippet(connection),
    },
    {
      name: `connect-${organisation}.go`,
      mediaType: "text/x-go",
      title: `Go: calls chaincode as a member of ${organisation} (not run)`,
      content: renderGoSnippet(connection),
    },
    {
      name: `${toClassName(organisation)}.java`,
      mediaType: "text/x-java-source",
      title: `Java: calls chaincode as a member of ${organisation} (run by hand)`,
      content: renderJavaSnippet(connection),
    },
  ];
};

/** Names of documents have no `@`; an identity whose name has one goes by its id. */
const identityFile = ({ id, name }: { id: string; name: string }): string =>
  `identity-${name.includes("@") ? id.replaceAll("_", "-") : name}.pem`;

const toIdentityDocuments = (spec: ChainSpec, find: (name: string) => MaterialItem | undefined): ChainDocument[] =>
  identitiesOf(spec)
    .filter(({ isDeleted }) => !isDeleted)
    .flatMap((part) => {
      const content = textOf(find(materialNames.identity(part.id)), "pem");
      const title = `Certificate of ${part.name}, ${part.settings.organisation}`;
      return content === undefined ? [] : [{ name: identityFile(part), mediaType: pemType, title, content }];
    });

/**
 * The framework's `documents`: what an application needs to call the network, what others need to know its members, and
 * when what runs out. Without a gRPC listener there is nothing to connect to, and REST needs no file.
 */
export const documents = (
  spec: ChainSpec,
  material: readonly MaterialItem[],
  _view: ChainView | null,
  { grpc }: ChainAddresses,
): readonly ChainDocument[] => {
  const items = toNewest(material);
  const find = (name: string) => items.get(name);
  const organisations = readSettings(spec.settings).organisations.map((organisation) => ({
    name: organisation.name,
    mspId: mspIdOf(organisation),
  }));
  const authority = grpc?.authorityPem;
  const connections =
    grpc === undefined
      ? []
      : organisations.flatMap(({ name, mspId }) =>
          toConnectionDocuments(
            spec,
            {
              ...{ organisation: name, mspId, address: grpc.address, serverName: grpc.serverName },
              ...{ hasOwnAuthority: authority !== undefined, ...toDefaults(spec, name) },
            },
            authority,
          ),
        );
  const tlsCa =
    authority === undefined
      ? []
      : [
          {
            name: "tls-ca.pem",
            mediaType: pemType,
            title: "Signs the gRPC listener's certificate",
            content: authority,
          },
        ];
  const msps = [...organisations, { name: ordererOrganisation, mspId: ordererMspId }].flatMap((organisation) => {
    const found = toMspDocument(organisation, find);
    return found === null ? [] : [toJson(`msp-${organisation.name}.json`, `MSP of ${organisation.name}`, found)];
  });
  const calendar = toExpiryCalendar(spec, [...items.values()], authority);
  return [
    ...connections,
    ...tlsCa,
    ...msps,
    ...toIdentityDocuments(spec, find),
    toJson("certificates.json", "When certificates run out, and who renews them", calendar),
  ];
};
