import { randomBytes } from "node:crypto";
import type { Signer } from "@portolan/domain";
import { issueCertificate, newP256Key, toSerialNumber } from "../crypto/index.ts";
import { materialNames } from "../names.ts";

/** What opens an orderer's admin listener. The key lives in memory only. */
export interface OperatorCredential {
  certificatePem: string;
  keyPem: string;
}

const lifetimeMs = 3_600_000;
/** Clocks of two machines may differ by this much. */
const leewayMs = 300_000;
const maxKept = 1_000;

interface Kept {
  credential: Promise<OperatorCredential>;
  renewAt: number;
}

const issue = async (authorityPem: string, signer: Signer, now: Date): Promise<OperatorCredential> => {
  const key = newP256Key({ bytes: randomBytes });
  const { pem } = await issueCertificate({
    subject: { commonName: "operator" },
    publicKey: key.publicKeyPem,
    isAuthority: false,
    usage: "tls",
    notBefore: new Date(now.getTime() - leewayMs),
    notAfter: new Date(now.getTime() + lifetimeMs),
    serial: toSerialNumber(randomBytes(16)),
    issuer: { pem: authorityPem },
    sign: (tbs) => signer.sign(materialNames.operatorCa, tbs),
  });
  return { certificatePem: pem, keyPem: key.privateKeyPem };
};

/**
 * Client certificates of an hour, one for each operator's CA (which is one for each chain), signed by reference and
 * kept in memory until they are near their end.
 */
export const createOperatorCredentials = () => {
  const kept = new Map<string, Kept>();
  return (authorityPem: string, signer: Signer, now: Date): Promise<OperatorCredential> => {
    const found = kept.get(authorityPem);
    if (found !== undefined && now.getTime() < found.renewAt) return found.credential;
    const credential = issue(authorityPem, signer, now);
    if (kept.size >= maxKept) kept.clear();
    kept.set(authorityPem, { credential, renewAt: now.getTime() + lifetimeMs - 2 * leewayMs });
    credential.catch(() => kept.delete(authorityPem));
    return credential;
  };
};

export type OperatorCredentials = ReturnType<typeof createOperatorCredentials>;
