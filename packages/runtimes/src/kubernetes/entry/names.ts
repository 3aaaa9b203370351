import { type OutsideAddress, toName } from "@portolan/domain";
import { labelKeys, managedBy } from "../labels.ts";
import { shortHash, toNodeObjectName } from "../names.ts";
import type { EntrySettings, KubernetesSettings } from "../settings.ts";

export const entryComponent = "entry";

/** Of the region's entry; one of each in its namespace. */
export const entryNames = {
  /** Deployment, Service, budget and policy. */
  entry: "portolan-entry",
  program: "portolan-entry-program",
  /** Which number is whose. */
  ports: "portolan-entry-ports",
} as const;

/** Of all that is the entry's; they find its pods too. */
export const entryLabels = { [labelKeys.managedBy]: managedBy, [labelKeys.component]: entryComponent } as const;

/** Routes are spread over so many objects, since one holds a mebibyte. Never lowered: an old one's would be lost. */
const shardCount = 4;
const toShardName = (index: number): string => `portolan-entry-routes-${index}`;
export const shardNames: readonly string[] = Array.from({ length: shardCount }, (_, index) => toShardName(index));

/** The object that has a placement's routes. */
export const shardOf = (namespace: string): string =>
  toShardName(Number.parseInt(shortHash(namespace, 8), 16) % shardCount);

/** A placement's routes in it: a file of the entry's program. */
export const toRouteKey = (namespace: string): string => `${namespace}.json`;
export const namespaceOfKey = (key: string): string => key.replace(/\.json$/, "");

/**
 * Each placement writes its own key under a name of its own, so that those who write at the same time don't undo each
 * other, and what one takes away is its own.
 */
export const toRouteManager = (namespace: string): string => `portolan-routes.${namespace}`;

/** Of a node's further flows, in its own namespace. */
export const toOutsidePolicyName = (node: string): string => `outside.${toNodeObjectName(node)}`;
/** Of the entry's flows to a placement, in the entry's namespace. */
export const toEgressName = (namespace: string): string => `portolan-entry.${namespace}`;

export const entryNamespaceOf = ({ entry }: Pick<KubernetesSettings, "entry">): string =>
  entry?.namespace ?? "portolan";

const longestLabel = 63;

/** `peer-org1-0-chn-…`: one label, since a certificate for `*.domain` covers no more. Chains' ids are one of a kind. */
const toServerName = (node: string, chainId: string, domain: string): string => {
  const chain = toName(chainId);
  const room = longestLabel - chain.length - 1;
  const name = toNodeObjectName(node);
  const short = name.length <= room ? name : `${name.slice(0, room - 9).replace(/-+$/, "")}-${shortHash(node, 8)}`;
  return `${short}-${chain}.${domain}`;
};

type Domain = Pick<EntrySettings, "domain">;

/** Where a node's TLS port is dialled from outside. One name of a node: the entry tells nodes apart by nothing else. */
export const toNamedAddress = (
  node: string,
  chainId: string,
  { domain, port }: Domain & Pick<EntrySettings, "port">,
): OutsideAddress => {
  const serverName = toServerName(node, chainId, domain);
  return { host: serverName, number: port, serverName };
};

/** Where a port of another protocol is dialled: by a number that is its alone. */
export const toNumberedAddress = (
  node: string,
  chainId: string,
  { domain }: Domain,
  number: number,
): OutsideAddress => ({ host: toServerName(node, chainId, domain), number });
