import type { Clock } from "./clock.ts";
import type { Random } from "./random.ts";

/** Every id's prefix, by resource. A framework's parts add theirs through `Framework.parts`. */
export const idPrefixes = {
  portal: "prt",
  region: "rgn",
  tenant: "ten",
  user: "usr",
  member: "mbr",
  invitation: "inv",
  session: "ses",
  serviceAccount: "svc",
  app: "app",
  key: "key",
  registryCredential: "rgc",
  chain: "chn",
  placement: "plc",
  node: "nod",
  endpoint: "end",
  operation: "opr",
  backup: "bkp",
  priceBook: "pbk",
  auditEvent: "aud",
  decision: "dec",
  material: "mat",
  request: "req",
} as const;

export type IdKind = keyof typeof idPrefixes;

/** Lower-case base32 (RFC 4648's alphabet order does not sort; Crockford's does, and has no look-alikes). */
const alphabet = "0123456789abcdefghjkmnpqrstvwxyz";
const bodyLength = 26;

const encode = (bytes: Uint8Array): string => {
  let value = 0n;
  for (const byte of bytes) value = (value << 8n) | BigInt(byte);
  let text = "";
  for (let index = 0; index < bodyLength; index++) {
    text = alphabet.charAt(Number(value & 31n)) + text;
    value >>= 5n;
  }
  return text;
};

export interface IdSource {
  next(kind: IdKind): string;
  /** An id with a prefix of a framework's own part. */
  nextWith(prefix: string): string;
}

/** Ids are prefix + `_` + 26 characters: 48 bits of milliseconds, then 80 random bits; they sort by time of making. */
export const createIdSource = (deps: { clock: Clock; random: Random }): IdSource => {
  const nextWith = (prefix: string): string => {
    const bytes = new Uint8Array(16);
    const millis = BigInt(deps.clock.now().getTime());
    for (let index = 0; index < 6; index++) bytes[index] = Number((millis >> BigInt(8 * (5 - index))) & 255n);
    bytes.set(deps.random.bytes(10), 6);
    return `${prefix}_${encode(bytes)}`;
  };
  return { nextWith, next: (kind) => nextWith(idPrefixes[kind]) };
};

export const idPattern = (prefix: string): RegExp => new RegExp(`^${prefix}_[0-9a-hjkmnp-tv-z]{26}$`);

/** `chn_0abc` → `chn-0abc`: the id as a part of DNS names, directories and Kubernetes objects. */
export const toName = (id: string): string => id.replace("_", "-");
