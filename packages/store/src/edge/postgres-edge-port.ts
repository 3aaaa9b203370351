import type { EdgeApp, EdgeChange, EdgePort, RequestLogEntry, UsageBatch } from "@portolan/contract";
import type { Clock } from "@portolan/domain";
import type { StoreClient } from "../clients/create-clients.ts";
import { toEdgeApp, toEdgeKey, toEdgeRoute } from "./edge-rows.ts";
import type { EdgeHint, Notifications } from "./notifications.ts";
import { createPartKeyAsker } from "./part-key-requests.ts";

export interface PostgresEdgePortDeps {
  client: StoreClient;
  clock: Clock;
  notifications: Pick<Notifications, "onEdge">;
  /** Until a plan says otherwise per app. */
  limits: EdgeApp["limits"];
  ingestUsage: (batch: UsageBatch) => Promise<{ isDuplicate: boolean }>;
  insertRequests: (entries: readonly RequestLogEntry[]) => Promise<void>;
}

const keyColumns = {
  id: true,
  tenantId: true,
  appId: true,
  secretHash: true,
  scopes: true,
  allow: true,
  expiresAt: true,
  revokedAt: true,
  version: true,
} as const;

const routeColumns = {
  id: true,
  tenantId: true,
  appId: true,
  framework: true,
  plan: true,
  regions: true,
  wish: true,
  route: true,
  routeVersion: true,
} as const;

const appColumns = { id: true, tenantId: true, state: true, version: true } as const;

/** The centre as a gateway on the same database sees it (role system; named use: edge). */
export const createPostgresEdgePort = (deps: PostgresEdgePortDeps): EdgePort => {
  const { client, clock } = deps;

  /** A gateway serves its own region and those whose gateway has the same URL: it is the same one. Slug → id. */
  const servedBy = async (region: string): Promise<Map<string, string>> => {
    const rows = await client.region.findMany({ select: { id: true, slug: true, gatewayUrl: true } });
    const own = rows.find(({ slug }) => slug === region);
    const shared = rows.filter(({ gatewayUrl }) => gatewayUrl === own?.gatewayUrl);
    // Its own also while nobody has entered it: a gateway may be there before the plane's first start is done.
    return new Map([[region, own?.id ?? region], ...shared.map(({ id, slug }) => [slug, id] as const)]);
  };

  const loadChange = async (served: ReadonlyMap<string, string>, hint: EdgeHint): Promise<EdgeChange | null> => {
    switch (hint.kind) {
      case "route": {
        const row = await client.chain.findUnique({
          where: { id: hint.id },
          select: { ...routeColumns, isStandby: true },
        });
        if (row === null) return { kind: "routeRemoved", chainId: hint.id };
        // Nobody's before it is adopted: no gateway knows of it.
        if (row.isStandby) return null;
        return row.regions.some((slug) => served.has(slug)) ? { kind: "route", route: toEdgeRoute(row, served) } : null;
      }
      case "key": {
        const row = await client.key.findUnique({ where: { id: hint.id }, select: keyColumns });
        return row === null ? null : { kind: "key", key: toEdgeKey(row) };
      }
      case "app": {
        const row = await client.app.findUnique({ where: { id: hint.id }, select: appColumns });
        return row === null ? null : { kind: "app", app: toEdgeApp(row, deps.limits) };
      }
      case "partKey":
        return null;
    }
  };

  return {
    snapshot: async (region) => {
      const served = await servedBy(region);
      const takenAt = clock.now().toISOString();
      // Purged chains stay known, so that a call to one is told that it is gone.
      const chains = await client.chain.findMany({
        where: { regions: { hasSome: [...served.keys()] }, isStandby: false },
        select: routeColumns,
      });
      const keys = await client.key.findMany({ select: keyColumns });
      const apps = await client.app.findMany({ select: appColumns });
      return {
        takenAt,
        routes: chains.map((row) => toEdgeRoute(row, served)),
        keys: keys.map(toEdgeKey),
        apps: apps.map((row) => toEdgeApp(row, deps.limits)),
      };
    },

    changes: async (region, onChange, signal) => {
      const served = await servedBy(region);
      // One after the other: two reads of the same row must not overtake each other.
      let queue = Promise.resolve();
      const off = deps.notifications.onEdge((hint) => {
        if (hint === null) {
          onChange({ kind: "resync" });
          return;
        }
        queue = queue
          .then(async () => {
            const change = await loadChange(served, hint);
            if (change !== null && !signal.aborted) onChange(change);
          })
          .catch(() => onChange({ kind: "resync" }));
      });
      await new Promise<void>((resolve) => {
        if (signal.aborted) resolve();
        signal.addEventListener("abort", () => resolve(), { once: true });
      });
      off();
    },

    wake: async (chainId, reason) => {
      const now = clock.now();
      if (reason === "suspect") {
        await client.chain.updateMany({
          where: { id: chainId, wish: "running" },
          data: { suspectedAt: now, nextAt: now, dirty: true },
        });
        await client.placement.updateMany({ where: { chainId }, data: { nextAt: now } });
        return;
      }
      await client.chain.updateMany({ where: { id: chainId }, data: { nextAt: now, dirty: true } });
    },

    partKey: createPartKeyAsker(deps),
    shipUsage: (batch) => deps.ingestUsage(batch),
    shipRequests: (entries) => deps.insertRequests(entries),
  };
};
