import { X509Certificate } from "node:crypto";
import type { ChainSpec, JsonObject, MaterialItem } from "@portolan/domain";
import { materialNames } from "../names.ts";
import { identitiesOf } from "../parts.ts";
import { ordererOrganisation, readSettings } from "../settings.ts";
import { topology } from "../topology.ts";

/** Who sees to it that there is another in time; `nobody`: it is made to last as long as the network. */
type Renewer = "plane" | "gateway" | "customer" | "nobody";

interface Entry {
  name: string;
  kind: "certificate" | "revocation-list";
  subject: string | null;
  notAfter: string;
  renewAt: string | null;
  renewedBy: Renewer;
  /** Serial numbers of the same identity that are valid beside this one. */
  earlier?: { serial: string; notAfter: string }[];
}

const publicOf = (item: MaterialItem): JsonObject =>
  typeof item.public === "object" && item.public !== null && !Array.isArray(item.public)
    ? (item.public as JsonObject)
    : {};

/** In one line, the common name last, as tools write it. */
const subjectOf = (certificate: X509Certificate): string => certificate.subject.split("\n").join(", ");

/** Two thirds of its time: what the plane would do if it could. */
const dueAt = (certificate: X509Certificate): string => {
  const [from, to] = [certificate.validFromDate.getTime(), certificate.validToDate.getTime()];
  return new Date(from + ((to - from) * 2) / 3).toISOString();
};

const toEntry = (item: MaterialItem, name: string): Entry | null => {
  const { pem, notAfter, earlier } = publicOf(item);
  if (typeof pem !== "string" || typeof notAfter !== "string") return null;
  const renewAt = item.renewAt ?? null;
  if (item.kind !== "certificate")
    return { name, kind: "revocation-list", subject: null, notAfter, renewAt, renewedBy: "plane" };
  const certificate = new X509Certificate(pem);
  const renewedBy: Renewer = certificate.ca ? "nobody" : item.owner === "customer" ? "customer" : "plane";
  return {
    name,
    kind: "certificate",
    subject: subjectOf(certificate),
    notAfter,
    renewAt: renewedBy === "customer" ? dueAt(certificate) : renewAt,
    renewedBy,
    ...(Array.isArray(earlier) ? { earlier: earlier as unknown as NonNullable<Entry["earlier"]> } : {}),
  };
};

/** Each authority of the listener's own; what is no certificate is left out. */
const gatewayEntries = (authorityPem: string | undefined): Entry[] => {
  if (authorityPem === undefined) return [];
  try {
    const certificate = new X509Certificate(authorityPem);
    const notAfter = certificate.validToDate.toISOString();
    const subject = subjectOf(certificate);
    return [{ name: "gateway/tls-ca", kind: "certificate", subject, notAfter, renewAt: null, renewedBy: "gateway" }];
  } catch {
    return [];
  }
};

/**
 * How an item is called in the calendar; null for what belonged to a node, an organisation or an identity that is gone:
 * nobody needs it to be renewed. Identities go by their names.
 */
const toNaming = (spec: ChainSpec): ((item: string) => string | null) => {
  const organisations = new Set([
    ordererOrganisation,
    ...readSettings(spec.settings).organisations.map(({ name }) => name),
  ]);
  const identities = new Map(
    identitiesOf(spec)
      .filter(({ isDeleted, settings }) => !isDeleted && organisations.has(settings.organisation))
      .map(({ id, name }) => [materialNames.identity(id), materialNames.identity(name)]),
  );
  const nodes = new Set(topology(spec).map(({ name }) => name));
  return (item) => {
    const [kind, owner = ""] = item.split("/");
    if (kind === "identity") return identities.get(item) ?? null;
    if (kind === "node") return nodes.has(owner) ? item : null;
    return owner === "" || organisations.has(owner) ? item : null;
  };
};

/**
 * Everything of a chain that runs out, soonest first: nodes', administrators' and identities' certificates, authorities,
 * revocation lists.
 */
export const toExpiryCalendar = (
  spec: ChainSpec,
  items: readonly MaterialItem[],
  authorityPem: string | undefined,
): { chain: string; renewedBy: { readonly [renewer in Renewer]: string }; certificates: Entry[] } => {
  const nameOf = toNaming(spec);
  const entries = items.flatMap((item) => {
    const name = nameOf(item.name);
    const entry = name === null ? null : toEntry(item, name);
    return entry === null ? [] : [entry];
  });
  return {
    chain: spec.chainId,
    renewedBy: {
      plane: "Portolan, by itself, at renewAt",
      gateway: "Portolan's gateway or its operator; tls-ca.pem is then to be fetched again",
      customer: "you: send a new certificate request for the identity, by renewAt at best",
      nobody: "an authority, made to last as long as the network",
    },
    certificates: [...entries, ...gatewayEntries(authorityPem)].sort(
      (a, b) => a.notAfter.localeCompare(b.notAfter) || a.name.localeCompare(b.name),
    ),
  };
};
