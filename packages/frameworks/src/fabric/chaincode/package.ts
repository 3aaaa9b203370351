import { createHash } from "node:crypto";
import type { AddressesByRegion, ChainSpec, MaterialItem } from "@portolan/domain";
import { textOf } from "../material/draft.ts";
import { materialNames, newest } from "../names.ts";
import type { ChaincodeSettings, Part } from "../parts.ts";
import { readSettings } from "../settings.ts";
import { chaincodeNodeName, ports } from "../topology.ts";
import { toGzip, toTar } from "./archive.ts";

export interface ChaincodePackage {
  /** What is installed on a peer: a gzipped tar archive. */
  bytes: Uint8Array;
  /** `<label>:<SHA-256 of the bytes, hex>`, as the peer answers an installation. */
  packageId: string;
}

/** Fabric's own rule for labels (core/chaincode/persistence/chaincode_package.go). */
const labelForm = /^[A-Za-z0-9][A-Za-z0-9_.+-]*$/;

const toJsonBytes = (value: unknown): Uint8Array => Buffer.from(JSON.stringify(value), "utf8");

/**
 * A package of type `ccaas`: it says where the chaincode listens, not what it does. Pure: equal input gives equal
 * bytes and so an equal package id. `address` is `host:port`; with `tls` peers trust servers with a certificate of that
 * authority (PEM) whose names cover the host.
 */
export const toChaincodePackage = (input: {
  label: string;
  address: string;
  tls?: { rootCertificate: string };
}): ChaincodePackage => {
  const { label, address, tls } = input;
  if (!labelForm.test(label)) throw new Error(`not a label of a chaincode package: ${label}`);
  const connection = {
    address,
    dial_timeout: "10s",
    tls_required: tls !== undefined,
    ...(tls === undefined ? {} : { client_auth_required: false, root_cert: tls.rootCertificate }),
  };
  const code = toGzip(toTar([{ name: "connection.json", content: toJsonBytes(connection) }]));
  const metadata = toJsonBytes({ path: "", type: "ccaas", label });
  const bytes = toGzip(
    toTar([
      { name: "metadata.json", content: metadata },
      { name: "code.tar.gz", content: code },
    ]),
  );
  return { bytes, packageId: `${label}:${createHash("sha256").update(bytes).digest("hex")}` };
};

/**
 * Name of the authority that vouches for a chaincode node: the one that its certificate is from, which is the first
 * organisation's when it is made and stays so when the organisations change.
 */
const chaincodeAuthority = (
  spec: Pick<ChainSpec, "settings">,
  part: string,
  material: readonly Pick<MaterialItem, "name" | "version" | "public">[],
): string => {
  const certificate = newest(material, materialNames.tls(chaincodeNodeName(part)));
  const [first] = readSettings(spec.settings).organisations;
  const name = textOf(certificate, "issuer") ?? (first && materialNames.tlsCa(first.name));
  if (name === undefined) throw new Error("the network has no organisation");
  return name;
};

/** `host:port` of a chaincode's node; undefined while none is reserved. */
export const chaincodeAddress = (addresses: AddressesByRegion, part: string): string | undefined => {
  const node = chaincodeNodeName(part);
  const found = Object.values(addresses)
    .flat()
    .find((address) => address.node === node && address.port === ports.grpc);
  return found && `${found.host}:${found.number}`;
};

/**
 * The package of a chaincode part, or undefined while its address or the authority's certificate is not known yet. The
 * label is the part's name and nothing of its version: an upgrade of the program keeps the package id, so peers go on
 * with what they have installed, and only the definition's sequence grows. The address is the chain's own node's, also
 * where that only stands for a server of the customer's: peers dial nothing that a tenant named.
 */
export const chaincodePackageOf = (
  spec: Pick<ChainSpec, "settings">,
  part: Pick<Part<ChaincodeSettings>, "name">,
  context: { material: readonly Pick<MaterialItem, "name" | "version" | "public">[]; addresses: AddressesByRegion },
): ChaincodePackage | undefined => {
  const address = chaincodeAddress(context.addresses, part.name);
  const pem = textOf(newest(context.material, chaincodeAuthority(spec, part.name, context.material)), "pem");
  if (address === undefined || pem === undefined) return undefined;
  return toChaincodePackage({ label: part.name, address, tls: { rootCertificate: pem } });
};
