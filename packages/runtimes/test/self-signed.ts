import { randomBytes, sign } from "node:crypto";
import { issueCertificate, newP256Key, toSerialNumber } from "@portolan/frameworks/certificates";

/** A key and a certificate that it signed itself, both PEM; good from a minute ago for an hour unless told. */
export const makeSelfSigned = async (
  options: { hosts?: readonly string[]; notBefore?: Date; notAfter?: Date } = {},
): Promise<{ key: string; cert: string }> => {
  const { privateKeyPem, publicKeyPem } = newP256Key({ bytes: (size) => new Uint8Array(randomBytes(size)) });
  const { pem } = await issueCertificate({
    subject: { commonName: "test" },
    publicKey: publicKeyPem,
    isAuthority: true,
    usage: "ca",
    notBefore: options.notBefore ?? new Date(Date.now() - 60_000),
    notAfter: options.notAfter ?? new Date(Date.now() + 3_600_000),
    ...(options.hosts === undefined ? {} : { hosts: options.hosts }),
    serial: toSerialNumber(randomBytes(16)),
    issuer: null,
    sign: async (tbs) => sign("sha256", tbs, privateKeyPem),
  });
  return { key: privateKeyPem, cert: pem };
};
