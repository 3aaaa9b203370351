import { createHash } from "node:crypto";
import type { EdgeApp, EdgeChange, EdgeKey, EdgeRoute, EdgeSnapshot } from "@portolan/contract";
import { parseKey } from "@portolan/domain";
import { type AppEntry, createKeyEntry, type KeyEntry, type RouteEntry, updateKeyEntry } from "./entries.ts";
import { isNewer } from "./version.ts";

export interface DirectoryListener {
  /** A route is new, changed (`previous`), or gone (`next` absent). */
  onRoute(next: RouteEntry | undefined, previous: RouteEntry | undefined): void;
  /** Anything that may end a standing connection's right to go on. */
  onAccessChange(): void;
}

/** Keys, routes and apps of the region, in memory. Every look-up of a call is answered here. */
export interface Directory {
  /** `null`: malformed or unknown. No I/O; a malformed key costs no hash either. */
  findKey(secret: string): KeyEntry | null;
  route(chainId: string): RouteEntry | undefined;
  app(appId: string): AppEntry | undefined;
  apply(change: Exclude<EdgeChange, { kind: "resync" }>): void;
  /** Replaces everything; what is newer here stays. `touched` names ids that changed while the snapshot was taken. */
  load(snapshot: EdgeSnapshot, touched?: ReadonlySet<string>): void;
  snapshot(): EdgeSnapshot;
  listen(listener: DirectoryListener): void;
}

const maxCachedSecrets = 10_000;

export const createDirectory = (): Directory => {
  const routes = new Map<string, RouteEntry>();
  const keysByHash = new Map<string, KeyEntry>();
  const keysById = new Map<string, KeyEntry>();
  const apps = new Map<string, AppEntry>();
  const listeners: DirectoryListener[] = [];
  /** Secret → entry, so that a known key is hashed once. Insertion order is age; in memory only. */
  const secrets = new Map<string, KeyEntry>();

  const noteAccess = (): void => {
    for (const listener of listeners) listener.onAccessChange();
  };
  const putRoute = (route: EdgeRoute): void => {
    const previous = routes.get(route.chainId);
    if (previous !== undefined && !isNewer(route.version, previous.route.version)) return;
    const next: RouteEntry = { route, isSuspect: false };
    routes.set(route.chainId, next);
    for (const listener of listeners) listener.onRoute(next, previous);
    noteAccess();
  };
  const dropRoute = (chainId: string): void => {
    const previous = routes.get(chainId);
    if (!routes.delete(chainId)) return;
    for (const listener of listeners) listener.onRoute(undefined, previous);
    noteAccess();
  };
  const putKey = (key: EdgeKey): void => {
    const known = keysById.get(key.id);
    if (known === undefined) {
      const entry = createKeyEntry(key);
      keysById.set(key.id, entry);
      keysByHash.set(key.hash, entry);
      return;
    }
    if (!known.isGone && !isNewer(key.version, known.key.version)) return;
    if (known.key.hash !== key.hash) {
      keysByHash.delete(known.key.hash);
      secrets.clear();
    }
    keysByHash.set(key.hash, known);
    updateKeyEntry(known, key);
    noteAccess();
  };
  const dropKey = (entry: KeyEntry): void => {
    entry.isGone = true;
    keysById.delete(entry.key.id);
    keysByHash.delete(entry.key.hash);
    noteAccess();
  };
  const putApp = (app: EdgeApp): void => {
    const known = apps.get(app.id);
    if (known === undefined) apps.set(app.id, { app });
    else if (isNewer(app.version, known.app.version)) known.app = app;
    noteAccess();
  };

  return {
    findKey: (secret) => {
      const cached = secrets.get(secret);
      if (cached !== undefined) {
        if (!cached.isGone) return cached;
        secrets.delete(secret);
      }
      if (parseKey(secret) === null) return null;
      const entry = keysByHash.get(createHash("sha256").update(secret).digest("hex"));
      if (entry === undefined) return null;
      if (secrets.size >= maxCachedSecrets) {
        for (const oldest of secrets.keys()) {
          secrets.delete(oldest);
          break;
        }
      }
      secrets.set(secret, entry);
      return entry;
    },
    route: (chainId) => routes.get(chainId),
    app: (appId) => apps.get(appId),
    apply: (change) => {
      if (change.kind === "route") putRoute(change.route);
      else if (change.kind === "routeRemoved") dropRoute(change.chainId);
      else if (change.kind === "key") putKey(change.key);
      else putApp(change.app);
    },
    load: (snapshot, touched = new Set()) => {
      for (const app of snapshot.apps) putApp(app);
      for (const key of snapshot.keys) putKey(key);
      for (const route of snapshot.routes)
        if (!touched.has(route.chainId) || routes.has(route.chainId)) putRoute(route);
      const routeIds = new Set(snapshot.routes.map(({ chainId }) => chainId));
      const keyIds = new Set(snapshot.keys.map(({ id }) => id));
      const appIds = new Set(snapshot.apps.map(({ id }) => id));
      for (const chainId of [...routes.keys()]) if (!routeIds.has(chainId) && !touched.has(chainId)) dropRoute(chainId);
      for (const entry of [...keysById.values()])
        if (!keyIds.has(entry.key.id) && !touched.has(entry.key.id)) dropKey(entry);
      for (const id of [...apps.keys()]) if (!appIds.has(id) && !touched.has(id)) apps.delete(id);
      noteAccess();
    },
    snapshot: () => ({
      takenAt: new Date().toISOString(),
      routes: [...routes.values()].map(({ route }) => route),
      keys: [...keysById.values()].map(({ key }) => key),
      apps: [...apps.values()].map(({ app }) => app),
    }),
    listen: (listener) => {
      listeners.push(listener);
    },
  };
};
