import type { FileContent, FileSpec, MaterialItem, MaterialRef } from "@portolan/domain";
import { materialNames, newest } from "./names.ts";

export type KnownMaterial = readonly Pick<MaterialItem, "name" | "version" | "public">[];

/** The newest version of an item. Throws when it was not made: a blueprint comes after its material. */
export const refTo = (material: KnownMaterial, name: string): MaterialRef => {
  const found = newest(material, name);
  if (found === undefined) throw new Error(`the material ${name} has not been made`);
  return { material: found.name, version: found.version };
};

/** Certificates are public, with the text in `pem`. */
export const certificate = (material: KnownMaterial, name: string): FileContent => ({
  public: { ...refTo(material, name), field: "pem" },
});

const open = 0o644;
const secret = 0o600;

const units = { ClientOU: "client", PeerOU: "peer", AdminOU: "admin", OrdererOU: "orderer" };

/** Tells what a certificate's holder is by the organisational unit in its subject (hyperledger/fabric msp/configbuilder.go). */
export const nodeUnits = [
  "NodeOUs:",
  "  Enable: true",
  ...Object.entries(units).flatMap(([name, unit]) => [
    `  ${name}Identifier:`,
    "    Certificate: cacerts/ca.pem",
    `    OrganizationalUnitIdentifier: ${unit}`,
  ]),
  "",
].join("\n");

/** The MSP directory of a node: who it is (certificate and key) and whom its organisation trusts. */
export const toMspFiles = (material: KnownMaterial, node: string, organisation: string): FileSpec[] => [
  { name: "msp/config.yaml", content: { text: nodeUnits }, mode: open },
  { name: "msp/cacerts/ca.pem", content: certificate(material, materialNames.ca(organisation)), mode: open },
  { name: "msp/tlscacerts/tlsca.pem", content: certificate(material, materialNames.tlsCa(organisation)), mode: open },
  { name: "msp/signcerts/cert.pem", content: certificate(material, materialNames.enrolment(node)), mode: open },
  {
    name: "msp/keystore/key.pem",
    content: { secret: refTo(material, materialNames.enrolmentKey(node)) },
    mode: secret,
  },
];

/** Names of the TLS files, for the environment of the programs. */
export const tlsFiles = { certificate: "tls/server.crt", key: "tls/server.key", authority: "tls/ca.crt" } as const;

/** What a TLS server shows and proves that it has. */
export const toServerFiles = (material: KnownMaterial, node: string): FileSpec[] => [
  { name: tlsFiles.certificate, content: certificate(material, materialNames.tls(node)), mode: open },
  { name: tlsFiles.key, content: { secret: refTo(material, materialNames.tlsKey(node)) }, mode: secret },
];

/** The relay's program, and the customer's own word on whom to trust at the other end. */
export const relayFiles = { program: "chaincode-relay.mjs", root: "tls/customer-root.crt" } as const;

export const toRelayFiles = (
  material: KnownMaterial,
  node: string,
  rootCertificate: string | undefined,
): FileSpec[] => [
  ...toServerFiles(material, node),
  { name: relayFiles.program, content: { asset: relayFiles.program }, mode: open },
  ...(rootCertificate === undefined ? [] : [{ name: relayFiles.root, content: { text: rootCertificate }, mode: open }]),
];

/** What a server has, with the authority that the node's own organisation is known by. */
export const toTlsFiles = (material: KnownMaterial, node: string, organisation: string): FileSpec[] => [
  ...toServerFiles(material, node),
  { name: tlsFiles.authority, content: certificate(material, materialNames.tlsCa(organisation)), mode: open },
];
