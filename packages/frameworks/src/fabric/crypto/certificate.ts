import { createHash } from "node:crypto";
import { isIP } from "node:net";
import { AsnConvert, OctetString } from "@peculiar/asn1-schema";
import {
  AlgorithmIdentifier,
  AttributeTypeAndValue,
  AttributeValue,
  AuthorityKeyIdentifier,
  BasicConstraints,
  ExtendedKeyUsage,
  Extension,
  Extensions,
  GeneralName,
  id_ce_authorityKeyIdentifier,
  id_ce_basicConstraints,
  id_ce_extKeyUsage,
  id_ce_keyUsage,
  id_ce_subjectAltName,
  id_ce_subjectKeyIdentifier,
  id_kp_clientAuth,
  id_kp_serverAuth,
  KeyIdentifier,
  KeyUsage,
  KeyUsageFlags,
  Name,
  RelativeDistinguishedName,
  SubjectAlternativeName,
  SubjectKeyIdentifier,
  SubjectPublicKeyInfo,
  TBSCertificate,
  Validity,
  Version,
} from "@peculiar/asn1-x509";
import { toSigned } from "./der.ts";
import { readIssuer } from "./issuer.ts";
import { toLowS } from "./low-s.ts";
import { fromPem, toPem } from "./pem.ts";

export interface CertificateRequest {
  subject: { commonName: string; organisation?: string; unit?: string };
  /** SubjectPublicKeyInfo of a P-256 key: DER, or PEM. */
  publicKey: Uint8Array | string;
  isAuthority: boolean;
  usage: "ca" | "identity" | "tls";
  /** DNS names and addresses that the certificate is for; only TLS needs them. */
  hosts?: readonly string[];
  notBefore: Date;
  notAfter: Date;
  /** As `toSerialNumber` makes it. */
  serial: Uint8Array;
  /** Null: signed by the key that it certifies. */
  issuer: { pem: string } | null;
  /** Signs with the issuer's key: ECDSA (P-256) over SHA-256, DER. */
  sign: (tbs: Uint8Array) => Promise<Uint8Array>;
}

const oids = {
  commonName: "2.5.4.3",
  organisation: "2.5.4.10",
  unit: "2.5.4.11",
  ecdsaWithSha256: "1.2.840.10045.4.3.2",
} as const;

const toRdn = (type: string, text: string): RelativeDistinguishedName =>
  new RelativeDistinguishedName([new AttributeTypeAndValue({ type, value: new AttributeValue({ utf8String: text }) })]);

const toName = ({ commonName, organisation, unit }: CertificateRequest["subject"]): Name =>
  new Name([
    ...(organisation === undefined ? [] : [toRdn(oids.organisation, organisation)]),
    ...(unit === undefined ? [] : [toRdn(oids.unit, unit)]),
    toRdn(oids.commonName, commonName),
  ]);

const toExtension = (extnID: string, value: unknown, critical = false): Extension =>
  new Extension({ extnID, critical, extnValue: new OctetString(AsnConvert.serialize(value)) });

const usages: { readonly [usage in CertificateRequest["usage"]]: number } = {
  ca: KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign,
  identity: KeyUsageFlags.digitalSignature,
  tls: KeyUsageFlags.digitalSignature,
};

const toHostName = (host: string): GeneralName =>
  isIP(host) === 0 ? new GeneralName({ dNSName: host }) : new GeneralName({ iPAddress: host });

const toExtensions = (request: CertificateRequest, own: ArrayBuffer, authority: ArrayBuffer): Extensions => {
  const { isAuthority, usage, hosts = [] } = request;
  // An authority signs leaves only: nothing that it certifies may certify others.
  const constraints = new BasicConstraints(isAuthority ? { cA: true, pathLenConstraint: 0 } : { cA: false });
  return new Extensions([
    toExtension(id_ce_keyUsage, new KeyUsage(usages[usage]), true),
    ...(usage === "tls"
      ? [toExtension(id_ce_extKeyUsage, new ExtendedKeyUsage([id_kp_serverAuth, id_kp_clientAuth]))]
      : []),
    toExtension(id_ce_basicConstraints, constraints, true),
    toExtension(id_ce_subjectKeyIdentifier, new SubjectKeyIdentifier(own)),
    toExtension(
      id_ce_authorityKeyIdentifier,
      new AuthorityKeyIdentifier({ keyIdentifier: new KeyIdentifier(authority) }),
    ),
    ...(hosts.length === 0
      ? []
      : [toExtension(id_ce_subjectAltName, new SubjectAlternativeName(hosts.map(toHostName)))]),
  ]);
};

const toKeyInfo = (publicKey: Uint8Array | string): SubjectPublicKeyInfo => {
  const der = typeof publicKey === "string" ? fromPem(publicKey, "PUBLIC KEY") : publicKey;
  if (der === undefined) throw new Error("a public key is not PEM");
  return AsnConvert.parse(der, SubjectPublicKeyInfo);
};

/** X.509 keeps whole seconds. */
const toSeconds = (date: Date): Date => new Date(Math.floor(date.getTime() / 1000) * 1000);

const toArrayBuffer = (bytes: Uint8Array): ArrayBuffer => new Uint8Array(bytes).buffer;

/**
 * Issues an X.509 v3 certificate of a P-256 key, signed with ECDSA and SHA-256 in low-S form. It never outlives its
 * issuer. Key identifiers are SHA-256 of the uncompressed point, which is how Fabric names keys itself.
 * `serial` comes back in hexadecimal, `notAfter` as RFC 3339.
 */
export const issueCertificate = async (
  request: CertificateRequest,
): Promise<{ pem: string; serial: string; notAfter: string }> => {
  const keyInfo = toKeyInfo(request.publicKey);
  const own = toArrayBuffer(createHash("sha256").update(Buffer.from(keyInfo.subjectPublicKey)).digest());
  const subject = toName(request.subject);
  const issuer = request.issuer === null ? undefined : readIssuer(request.issuer.pem);
  const wanted = toSeconds(request.notAfter);
  const notAfter = issuer !== undefined && issuer.notAfter < wanted ? issuer.notAfter : wanted;
  const tbs = new Uint8Array(
    AsnConvert.serialize(
      new TBSCertificate({
        version: Version.v3,
        serialNumber: toArrayBuffer(request.serial),
        signature: new AlgorithmIdentifier({ algorithm: oids.ecdsaWithSha256 }),
        issuer: issuer?.name ?? subject,
        validity: new Validity({ notBefore: toSeconds(request.notBefore), notAfter }),
        subject,
        subjectPublicKeyInfo: keyInfo,
        extensions: toExtensions(request, own, issuer?.keyIdentifier ?? own),
      }),
    ),
  );
  const signature = toLowS(await request.sign(tbs));
  return {
    pem: toPem("CERTIFICATE", toSigned(tbs, signature)),
    serial: Buffer.from(request.serial).toString("hex"),
    notAfter: notAfter.toISOString(),
  };
};
