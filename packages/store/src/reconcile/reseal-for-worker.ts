import type { MaterialRef, SealedSecret } from "@portolan/domain";
import type { SealedRegistryLogin } from "./registry-access.ts";

/** What the port needs of custody, without knowing it. */
export interface CentreSecrets {
  /** Opens a sealed material, which may name another tenant than today's, and seals it anew to the worker's key. */
  reseal(input: {
    tenantId: string;
    sealedFor: string;
    chainId: string;
    ref: MaterialRef;
    sealed: Uint8Array;
    workerPublicKey: string;
  }): Promise<Uint8Array>;
  /** The same of an app's login for a registry, which the chain is about to pull with. */
  resealLogin(input: { login: SealedRegistryLogin; chainId: string; workerPublicKey: string }): Promise<Uint8Array>;
  /** Signs with an authority's key of this chain. */
  sign(input: { tenantId: string; chainId: string; ref: string; data: Uint8Array }): Promise<Uint8Array>;
}

interface Found {
  tenantId: string;
  chainId: string;
  /** The tenant that the chain's material names. */
  sealedFor: string;
  rows: readonly { name: string; version: number; sealed: Uint8Array | null }[];
  logins: readonly SealedRegistryLogin[];
}

/** What was found of these references, each sealed to the worker's key; others are left out. */
export const resealForWorker = async (
  secrets: Pick<CentreSecrets, "reseal" | "resealLogin">,
  { tenantId, chainId, sealedFor, rows, logins }: Found,
  refs: readonly MaterialRef[],
  workerPublicKey: string,
): Promise<SealedSecret[]> => {
  const sealed: SealedSecret[] = [];
  const add = (ref: MaterialRef, box: Uint8Array) => sealed.push({ ref, sealed: Buffer.from(box).toString("base64") });
  for (const ref of refs) {
    const row = rows.find((item) => item.name === ref.material && item.version === ref.version);
    if (row?.sealed == null) continue;
    add(ref, await secrets.reseal({ tenantId, sealedFor, chainId, ref, sealed: row.sealed, workerPublicKey }));
  }
  for (const login of logins) add(login.ref, await secrets.resealLogin({ login, chainId, workerPublicKey }));
  return sealed;
};
