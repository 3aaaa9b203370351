import { randomBytes, sign } from "node:crypto";
import { issueCertificate, newP256Key, toSerialNumber } from "@portolan/frameworks/certificates";

/** A key and a certificate that it signed itself: a test's TLS server needs some, and nobody looks at them. */
export const makeProbeCertificate = async (): Promise<{ key: string; cert: string }> => {
  const { privateKeyPem, publicKeyPem } = newP256Key({ bytes: (size) => new Uint8Array(randomBytes(size)) });
  const { pem } = await issueCertificate({
    subject: { commonName: "probe" },
    publicKey: publicKeyPem,
    isAuthority: true,
    usage: "ca",
    notBefore: new Date(Date.now() - 60_000),
    notAfter: new Date(Date.now() + 3_600_000),
    serial: toSerialNumber(randomBytes(16)),
    issuer: null,
    sign: async (tbs) => sign("sha256", tbs, privateKeyPem),
  });
  return { key: privateKeyPem, cert: pem };
};
