import { createHash, generateKeyPairSync, type KeyObject, randomBytes, sign } from "node:crypto";
import { isIPv4 } from "node:net";
import { bits, identifier, integer, octets, sequence, set, tagged, text, time, yes } from "./der.ts";

/** PEM both. */
export interface KeyPair {
  readonly certificate: string;
  readonly key: string;
}

export interface CertificateSubject {
  readonly name: string;
  /** What Kubernetes reads as the user's group. */
  readonly organization?: string;
  /** IPv4 addresses or DNS names it may serve as. */
  readonly hosts?: readonly string[];
}

export interface Authority extends KeyPair {
  /** A certificate for both a server and a client, with a new P-256 key. */
  issue(subject: CertificateSubject): KeyPair;
}

const days = 24 * 60 * 60 * 1_000;
const ecdsaWithSha256 = sequence(identifier("1.2.840.10045.4.3.2"));

const pem = (label: string, der: Uint8Array): string =>
  `-----BEGIN ${label}-----\n${Buffer.from(der).toString("base64").replace(/.{64}/g, "$&\n").trimEnd()}\n-----END ${label}-----\n`;

const nameOf = ({ name, organization }: CertificateSubject): Buffer => {
  const part = (oid: string, value: string): Buffer => set(sequence(identifier(oid), text(value)));
  return sequence(...(organization === undefined ? [] : [part("2.5.4.10", organization)]), part("2.5.4.3", name));
};

const extension = (oid: string, critical: boolean, value: Uint8Array): Buffer =>
  sequence(identifier(oid), ...(critical ? [yes] : []), octets(value));

const hostName = (host: string): Buffer =>
  isIPv4(host) ? tagged(0x87, Buffer.from(host.split(".").map(Number))) : tagged(0x82, Buffer.from(host));

const newKey = () => generateKeyPairSync("ec", { namedCurve: "P-256" });

const spkiOf = (key: KeyObject): Buffer => key.export({ format: "der", type: "spki" });

const keyIdentifierOf = (key: KeyObject): Buffer => createHash("sha1").update(spkiOf(key)).digest();

interface Certified {
  readonly subject: CertificateSubject;
  readonly issuer: CertificateSubject;
  readonly publicKey: KeyObject;
  readonly issuerKey: KeyObject;
  readonly issuerPublicKey: KeyObject;
  readonly extensions: readonly Uint8Array[];
}

const certify = (wanted: Certified, now: number): string => {
  const extensions = [
    ...wanted.extensions,
    extension("2.5.29.14", false, octets(keyIdentifierOf(wanted.publicKey))),
    extension("2.5.29.35", false, sequence(tagged(0x80, keyIdentifierOf(wanted.issuerPublicKey)))),
  ];
  const body = sequence(
    tagged(0xa0, integer(Buffer.from([2]))),
    integer(Buffer.concat([Buffer.from([1]), randomBytes(15)])),
    ecdsaWithSha256,
    nameOf(wanted.issuer),
    sequence(time(new Date(now - days)), time(new Date(now + 30 * days))),
    nameOf(wanted.subject),
    spkiOf(wanted.publicKey),
    tagged(0xa3, sequence(...extensions)),
  );
  return pem("CERTIFICATE", sequence(body, ecdsaWithSha256, bits(sign("sha256", body, wanted.issuerKey))));
};

const pkcs8 = (key: KeyObject): string => key.export({ format: "pem", type: "pkcs8" }).toString();

/** An authority of a cluster's own; its certificates end after 30 days. `now` in milliseconds. */
export const createAuthority = (name: string, now: number): Authority => {
  const { privateKey, publicKey } = newKey();
  const subject = { name };
  const issuing = { issuer: subject, issuerKey: privateKey, issuerPublicKey: publicKey };
  const mayCertify = [
    extension("2.5.29.19", true, sequence(yes)),
    // keyCertSign, cRLSign, digitalSignature
    extension("2.5.29.15", true, bits(Buffer.from([0x86]), 1)),
  ];
  return {
    certificate: certify({ ...issuing, subject, publicKey, extensions: mayCertify }, now),
    key: pkcs8(privateKey),
    issue(wanted) {
      const own = newKey();
      const uses = sequence(identifier("1.3.6.1.5.5.7.3.1"), identifier("1.3.6.1.5.5.7.3.2"));
      const extensions = [
        extension("2.5.29.19", true, sequence()),
        extension("2.5.29.15", true, bits(Buffer.from([0x80]), 7)),
        extension("2.5.29.37", false, uses),
        ...(wanted.hosts === undefined ? [] : [extension("2.5.29.17", false, sequence(...wanted.hosts.map(hostName)))]),
      ];
      const certificate = certify({ ...issuing, subject: wanted, publicKey: own.publicKey, extensions }, now);
      return { certificate, key: pkcs8(own.privateKey) };
    },
  };
};
