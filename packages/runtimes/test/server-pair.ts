import { randomBytes, sign } from "node:crypto";
import { issueCertificate, newP256Key, toSerialNumber } from "@portolan/frameworks/certificates";
import { makeSelfSigned } from "./self-signed.ts";

/** A server's key and certificate for these hosts, and that of the authority that signed it; good for an hour. */
export const makeServerPair = async (hosts: readonly string[]): Promise<{ key: string; cert: string; ca: string }> => {
  const authority = await makeSelfSigned();
  const { privateKeyPem, publicKeyPem } = newP256Key({ bytes: (size) => new Uint8Array(randomBytes(size)) });
  const { pem } = await issueCertificate({
    subject: { commonName: "server" },
    publicKey: publicKeyPem,
    isAuthority: false,
    usage: "tls",
    hosts,
    notBefore: new Date(Date.now() - 30_000),
    notAfter: new Date(Date.now() + 3_000_000),
    serial: toSerialNumber(randomBytes(16)),
    issuer: { pem: authority.cert },
    sign: async (tbs) => sign("sha256", tbs, authority.key),
  });
  return { key: privateKeyPem, cert: pem, ca: authority.cert };
};
