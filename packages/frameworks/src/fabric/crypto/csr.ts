import { createPublicKey, type KeyObject, verify } from "node:crypto";
import { CertificationRequest } from "@peculiar/asn1-csr";
import { AsnConvert } from "@peculiar/asn1-schema";
import { DomainError } from "@portolan/domain";
import { toSpki } from "./p256-key.ts";
import { fromPem, toPem } from "./pem.ts";

/** A request with a P-256 key is about 500 characters; attributes that a tool adds have room. */
const maxCharacters = 10_000;

const hashes: { readonly [oid: string]: string } = {
  "1.2.840.10045.4.3.2": "sha256",
  "1.2.840.10045.4.3.3": "sha384",
  "1.2.840.10045.4.3.4": "sha512",
};

const howTo =
  "openssl ecparam -name prime256v1 -genkey -noout -out key.pem && openssl req -new -key key.pem -subj /CN=me -out request.pem";

const refused = (message: string, cause?: unknown): DomainError =>
  new DomainError({ code: "chain.settings_invalid", message, hint: `Make one with: ${howTo}`, cause });

const parse = (pem: string): CertificationRequest => {
  if (pem.length > maxCharacters) throw refused(`The certificate request is longer than ${maxCharacters} characters.`);
  const der = fromPem(pem, "CERTIFICATE REQUEST", "NEW CERTIFICATE REQUEST");
  if (der === undefined) throw refused("The certificate request is not PEM of a PKCS #10 request.");
  try {
    return AsnConvert.parse(der, CertificationRequest);
  } catch (error) {
    throw refused("The certificate request can't be read as PKCS #10.", error);
  }
};

const readKey = (request: CertificationRequest): KeyObject => {
  const der = Buffer.from(AsnConvert.serialize(request.certificationRequestInfo.subjectPKInfo));
  try {
    return createPublicKey({ key: der, format: "der", type: "spki" });
  } catch (error) {
    throw refused("The certificate request has no public key that can be used.", error);
  }
};

const isSignedBy = (request: CertificationRequest, key: KeyObject, hash: string): boolean => {
  const { certificationRequestInfoRaw: signed, signature } = request;
  if (signed === undefined) return false;
  try {
    return verify(hash, Buffer.from(signed), key, Buffer.from(signature));
  } catch {
    return false;
  }
};

/**
 * The public key (SPKI, PEM, uncompressed point) of a PKCS #10 request whose sender holds the private key. Nothing else
 * of a request is taken: names and extensions are the plane's to choose.
 * Throws `chain.settings_invalid` for what is too large, no request, not P-256, or not signed with its own key.
 */
export const parseCsr = (pem: string): { publicKeyPem: string } => {
  const request = parse(pem);
  const key = readKey(request);
  if (key.asymmetricKeyType !== "ec" || key.asymmetricKeyDetails?.namedCurve !== "prime256v1")
    throw refused("The certificate request's key is not on the curve P-256.");
  const hash = hashes[request.signatureAlgorithm.algorithm];
  if (hash === undefined) throw refused("The certificate request is not signed with ECDSA and SHA-256.");
  if (!isSignedBy(request, key, hash))
    throw refused("The certificate request's signature is not by the key that it asks a certificate for.");
  const { x = "", y = "" } = key.export({ format: "jwk" });
  const point = Buffer.concat([Uint8Array.of(4), Buffer.from(x, "base64url"), Buffer.from(y, "base64url")]);
  return { publicKeyPem: toPem("PUBLIC KEY", toSpki(point)) };
};
