import { createHash } from "node:crypto";
import type {
  EdgeApp,
  EdgeChange,
  EdgeKey,
  EdgePort,
  EdgeRoute,
  RequestLogEntry,
  UsageBatch,
  UsageRecord,
} from "@portolan/contract";
import { formatKey } from "@portolan/domain";

let made = 0;
/** A well-formed key secret, different each time. */
export const newSecret = (): string => formatKey(createHash("sha256").update(`secret ${made++}`).digest());

export const hashOf = (secret: string): string => createHash("sha256").update(secret).digest("hex");

export const edgeKey = (secret: string, over: Partial<EdgeKey> = {}): EdgeKey => ({
  id: "key_1",
  tenantId: "ten_1",
  appId: "app_1",
  hash: hashOf(secret),
  scopes: ["rpc", "rpc:dev"],
  allow: { origins: [], addresses: [], methods: [] },
  expiresAt: null,
  isRevoked: false,
  version: "1",
  ...over,
});

export const edgeApp = (over: Partial<EdgeApp> = {}): EdgeApp => ({
  id: "app_1",
  tenantId: "ten_1",
  state: "active",
  limits: { unitsPerSecond: 1_000_000, burstSeconds: 10 },
  version: "1",
  ...over,
});

export const edgeRoute = (port: number, over: Partial<EdgeRoute> = {}): EdgeRoute => ({
  chainId: "chn_1",
  tenantId: "ten_1",
  appId: "app_1",
  regionId: "rgn_1",
  framework: "test",
  plan: "dev",
  state: "open",
  reason: "",
  targets: {
    "json-rpc": [{ region: "local", node: "node-0", port: "rpc", via: { kind: "address", host: "127.0.0.1", port } }],
  },
  facts: {},
  version: "1",
  ...over,
});

/** The centre in memory: de-duplicates usage by (source, epoch, seq). */
export const createMemoryEdge = (rows: { routes?: EdgeRoute[]; keys?: EdgeKey[]; apps?: EdgeApp[] }) => {
  const routes = rows.routes ?? [];
  const keys = rows.keys ?? [];
  const apps = rows.apps ?? [];
  const batches = new Map<string, UsageBatch>();
  const requests: RequestLogEntry[] = [];
  const wakes: { chainId: string; reason: string }[] = [];
  const watchers = new Set<(change: EdgeChange) => void>();
  let partKeys: EdgePort["partKey"] | undefined;
  let isAway = false;
  const away = (): void => {
    if (isAway) throw new Error("the centre is away");
  };
  const port: EdgePort = {
    snapshot: async () => {
      away();
      return { takenAt: new Date().toISOString(), routes: [...routes], keys: [...keys], apps: [...apps] };
    },
    changes: async (_region, onChange, signal) => {
      away();
      watchers.add(onChange);
      await new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
      watchers.delete(onChange);
    },
    wake: async (chainId, reason) => {
      wakes.push({ chainId, reason });
    },
    shipUsage: async (batch) => {
      away();
      const id = `${batch.source} ${batch.epoch} ${batch.seq}`;
      const isDuplicate = batches.has(id);
      if (!isDuplicate) batches.set(id, batch);
      return { isDuplicate };
    },
    partKey: async (request) => (await partKeys?.(request)) ?? { kind: "refused", reason: "unknown" },
    shipRequests: async (entries) => {
      requests.push(...entries);
    },
  };
  const put = <Row>(list: Row[], row: Row, isSame: (other: Row) => boolean): void => {
    const at = list.findIndex(isSame);
    if (at === -1) list.push(row);
    else list[at] = row;
  };
  return {
    port,
    wakes,
    requests,
    records: (): UsageRecord[] => [...batches.values()].flatMap(({ records }) => records),
    answerPartKeys: (answer: EdgePort["partKey"]) => {
      partKeys = answer;
    },
    setAway: (value: boolean) => {
      isAway = value;
    },
    change: (change: EdgeChange) => {
      if (change.kind === "route") put(routes, change.route, ({ chainId }) => chainId === change.route.chainId);
      if (change.kind === "key") put(keys, change.key, ({ id }) => id === change.key.id);
      if (change.kind === "app") put(apps, change.app, ({ id }) => id === change.app.id);
      for (const watcher of watchers) watcher(change);
    },
  };
};

/** Calls and units per method, as a bill would sum them. */
export const sumByMethod = (
  records: readonly UsageRecord[],
): { [method: string]: { count: number; quantity: number } } => {
  const sums: { [method: string]: { count: number; quantity: number } } = {};
  for (const { method = "", count, quantity } of records) {
    const sum = sums[method] ?? { count: 0, quantity: 0 };
    sums[method] = sum;
    sum.count += Number(count);
    sum.quantity += Number(quantity);
  }
  return sums;
};
