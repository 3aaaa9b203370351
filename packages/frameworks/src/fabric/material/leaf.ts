import type { JsonObject, MaterialItem, NewMaterialItem } from "@portolan/domain";
import { type CertificateRequest, issueCertificate } from "../crypto/certificate.ts";
import { toSerialNumber } from "../crypto/serial-number.ts";
import { type Draft, memberOf, needText, textOf } from "./draft.ts";

export const dayMs = 86_400_000;

/** Certificates begin a little earlier, since the clocks that check them differ. */
export const backdateMs = 5 * 60_000;

const isPast = (time: string | undefined, now: Date): boolean => time !== undefined && new Date(time) <= now;

/**
 * Whether a certificate or list is to be made: none is there, it was retired, it is due, or it ran out. Not where its
 * authority ends no later than what is there: another one would be no better, and there would be no end of them.
 */
export const isWanting = (draft: Draft, item: MaterialItem | undefined, authority: string): boolean => {
  if (item === undefined || memberOf(item, "retired") === true) return true;
  if (!isPast(item.renewAt, draft.now) && !isPast(item.expiresAt, draft.now)) return false;
  return new Date(needText(draft, authority, "notAfter")) > new Date(textOf(item, "notAfter") ?? 0);
};

/** When something that lasts `days` ends (with its authority at the latest), and when it is due: at two thirds. */
export const toLifetime = (draft: Draft, days: number, authority: string): { notAfter: Date; renewAt?: string } => {
  const wanted = new Date(draft.now.getTime() + days * dayMs);
  const bound = new Date(needText(draft, authority, "notAfter"));
  if (bound <= wanted) return { notAfter: bound };
  return { notAfter: wanted, renewAt: new Date(draft.now.getTime() + (days * dayMs * 2) / 3).toISOString() };
};

export interface LeafRequest {
  name: string;
  owner: MaterialItem["owner"];
  /** Name of the authority: its certificate's, and its key's in custody. */
  authority: string;
  subject: CertificateRequest["subject"];
  usage: "identity" | "tls";
  hosts?: readonly string[];
  days: number;
  isRenewed: boolean;
  /** SPKI, PEM. */
  publicKey: () => Promise<string>;
  /** Public members besides the certificate's own. */
  facts?: JsonObject;
}

/** A new version of a certificate. Draws its serial number before it waits for anything: the order stays the caller's. */
export const issueLeaf = async (draft: Draft, request: LeafRequest): Promise<NewMaterialItem> => {
  const serial = toSerialNumber(draft.random.bytes(16));
  const { notAfter, renewAt } = toLifetime(draft, request.days, request.authority);
  const issued = await issueCertificate({
    subject: request.subject,
    publicKey: await request.publicKey(),
    isAuthority: false,
    usage: request.usage,
    hosts: request.hosts ?? [],
    notBefore: new Date(draft.now.getTime() - backdateMs),
    notAfter,
    serial,
    issuer: { pem: needText(draft, request.authority, "pem") },
    sign: (tbs) => draft.signer.sign(request.authority, tbs),
  });
  return {
    name: request.name,
    version: draft.nextVersion(request.name),
    kind: "certificate",
    owner: request.owner,
    public: { ...request.facts, ...issued },
    hasSecret: false,
    expiresAt: issued.notAfter,
    ...(request.isRenewed && renewAt !== undefined ? { renewAt } : {}),
  };
};

/** Keys in custody: the same one each time. */
export const custodyKey = (draft: Draft, name: string) => async (): Promise<string> =>
  (await draft.signer.createKey(name, "p256")).publicKey;
