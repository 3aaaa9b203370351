import type { EdgeApp, EdgeKey, EdgeRoute } from "@portolan/contract";
import type { StoredRoute } from "../reconcile/chain-work.ts";
import { fromJson } from "../reconcile/rows.ts";

/** Columns of a chain that make its route. */
export interface RouteRow {
  id: string;
  tenantId: string;
  appId: string;
  framework: string;
  plan: string;
  regions: readonly string[];
  wish: string;
  route: unknown;
  routeVersion: bigint;
}

const hidden: StoredRoute = { state: "starting", reason: "The chain is being made.", targets: {}, facts: {} };

/** A wish that closes the endpoint does so at once, before any worker has acted on it. */
const effective = (row: RouteRow): StoredRoute => {
  const stored = (row.route as StoredRoute | null) ?? hidden;
  if (row.wish === "deleted" || row.wish === "purged")
    return { ...stored, state: "deleted", reason: "The chain is deleted.", targets: {} };
  if (row.wish === "paused") return { ...stored, state: "paused", reason: "The chain is paused.", targets: {} };
  return stored;
};

/** `served`: slug → id of the regions that the asking gateway serves; the chain's first of them is what usage names. */
export const toEdgeRoute = (row: RouteRow, served: ReadonlyMap<string, string>): EdgeRoute => {
  const route = effective(row);
  const region = row.regions.find((slug) => served.has(slug)) ?? "";
  return {
    chainId: row.id,
    tenantId: row.tenantId,
    appId: row.appId,
    regionId: served.get(region) ?? region,
    framework: row.framework,
    plan: row.plan,
    state: route.state,
    reason: route.reason,
    targets: Object.fromEntries(
      Object.entries(route.targets).map(([protocol, list]) => [
        protocol,
        list.map(({ host, number, name, ...target }) => ({
          ...target,
          via: { kind: "address" as const, host, port: number, ...(name === undefined ? {} : { name }) },
        })),
      ]),
    ),
    facts: route.facts,
    version: String(row.routeVersion),
  };
};

export interface KeyRow {
  id: string;
  tenantId: string;
  appId: string;
  secretHash: string;
  scopes: string[];
  allow: unknown;
  expiresAt: Date | null;
  revokedAt: Date | null;
  version: bigint;
}

export const toEdgeKey = (row: KeyRow): EdgeKey => {
  const allow = fromJson<Partial<EdgeKey["allow"]>>(row.allow as never);
  return {
    id: row.id,
    tenantId: row.tenantId,
    appId: row.appId,
    hash: row.secretHash,
    scopes: row.scopes,
    allow: { origins: allow.origins ?? [], addresses: allow.addresses ?? [], methods: allow.methods ?? [] },
    expiresAt: row.expiresAt?.toISOString() ?? null,
    isRevoked: row.revokedAt !== null,
    version: String(row.version),
  };
};

export const toEdgeApp = (
  row: { id: string; tenantId: string; state: string; version: bigint },
  limits: EdgeApp["limits"],
): EdgeApp => ({
  id: row.id,
  tenantId: row.tenantId,
  state: fromJson<EdgeApp["state"]>(row.state),
  limits,
  version: String(row.version),
});
