import { createHash, X509Certificate } from "node:crypto";
import type { BatchDescription, NetworkDescription, OrgDescription } from "./description.ts";
import { keys, toTenantPolicies } from "./groups.ts";
import { renderPolicy } from "./policy-render.ts";

/** A consenter without its certificates: their fingerprints tell whether they are others. */
export type ConsenterDigest = {
  /** With BFT only. */
  id: number | null;
  host: string;
  port: number;
  tls: string;
  /** Of the public key: a renewal keeps it. */
  tlsKey: string;
  identity: string | null;
};

export type OrgDigest = { mspId: string; ca: string; tlsCa: string; crl: string | null };

/** What Portolan decides of a channel's configuration, small enough for a view. Plain JSON, in a fixed order. */
export type ConfigDigest = {
  consensus: string;
  ordererOrg: OrgDigest & { endpoints: string[] };
  consenters: ConsenterDigest[];
  organisations: (OrgDigest & { anchors: string[] })[];
  batch: { [member in keyof BatchDescription]: number };
  policies: { endorsement: string; lifecycle: string };
};

const fingerprint = (text: string | Uint8Array): string => createHash("sha256").update(text).digest("hex").slice(0, 32);

const keyFingerprint = (pem: string): string => {
  try {
    return fingerprint(new Uint8Array(new X509Certificate(pem).publicKey.export({ type: "spki", format: "der" })));
  } catch {
    // Somebody else's update may have put anything there; it is then another key than any of ours.
    return fingerprint(pem);
  }
};

/** What a digest is made of: a description, or what was read from a channel, with policies as texts. */
export type DigestSource = Omit<NetworkDescription, "channelId" | "consensus" | "consenters"> & {
  consensus: string;
  consenters: { id: number | null; host: string; port: number; tlsPem: string; identityPem: string | null }[];
};

const toOrgDigest = (organisation: OrgDescription): OrgDigest => ({
  mspId: organisation.mspId,
  ca: fingerprint(organisation.caPem),
  tlsCa: fingerprint(organisation.tlsCaPem),
  crl: organisation.crlPem === undefined ? null : fingerprint(organisation.crlPem),
});

const byMspId = (left: { mspId: string }, right: { mspId: string }): number =>
  left.mspId < right.mspId ? -1 : Number(left.mspId > right.mspId);

export const digestOf = (source: DigestSource): ConfigDigest => ({
  consensus: source.consensus,
  ordererOrg: { ...toOrgDigest(source.ordererOrg), endpoints: [...source.ordererOrg.endpoints].sort() },
  consenters: source.consenters
    .map(({ id, host, port, tlsPem, identityPem }) => ({
      id,
      host,
      port,
      tls: fingerprint(tlsPem),
      tlsKey: keyFingerprint(tlsPem),
      identity: identityPem === null ? null : fingerprint(identityPem),
    }))
    .sort((left, right) => (`${left.host}:${left.port}` < `${right.host}:${right.port}` ? -1 : 1)),
  organisations: source.organisations
    .map((organisation) => ({
      ...toOrgDigest(organisation),
      anchors: organisation.anchors.map(({ host, port }) => `${host}:${port}`).sort(),
    }))
    .sort(byMspId),
  batch: {
    timeoutMs: source.batch.timeoutMs,
    maxMessages: source.batch.maxMessages,
    absoluteMaxBytes: source.batch.absoluteMaxBytes,
    preferredMaxBytes: source.batch.preferredMaxBytes,
  },
  policies: { endorsement: source.policies.endorsement, lifecycle: source.policies.lifecycle },
});

/** The digest that a channel has once it is as described. Throws `chain.settings_invalid` for policies that can't be. */
export const toWantedDigest = (description: NetworkDescription): ConfigDigest => {
  const policies = toTenantPolicies(description);
  const isBft = description.consensus === "bft";
  return digestOf({
    ...description,
    consenters: description.consenters.map((consenter) => ({
      ...consenter,
      id: isBft ? consenter.id : null,
      identityPem: isBft ? consenter.identityPem : null,
    })),
    policies: {
      endorsement: renderPolicy(policies[keys.endorsement]),
      lifecycle: renderPolicy(policies[keys.lifecycle]),
    },
  });
};

/** One value of all that a digest has. */
export const toConfigHash = (digest: ConfigDigest): string => fingerprint(JSON.stringify(digest));
