import { randomUUID } from "node:crypto";
import { type ChainSpec, createIdSource, type NodeSpec } from "@portolan/domain";
import { seededClock, seededRandom, testDatabase } from "@portolan/testing";
import { afterAll, beforeEach, expect, test } from "vitest";
import {
  accrueNodeTime,
  chainRepository,
  chainWishes,
  createChainCoordination,
  createClients,
  createPostgresCentrePort,
  createPostgresEdgePort,
  createStandbyPool,
  inTransaction,
  localRegion,
  meterStorage,
  outsideTransaction,
  type Query,
  runSql,
  seed,
  withTenant,
} from "../src/index.ts";

const database = await testDatabase();
const clients = createClients({ appUrl: database.urls.app, systemUrl: database.urls.system, poolSize: 25 });
afterAll(() => clients.close());
const client = clients.system;
const clock = seededClock();
const ids = createIdSource({ clock, random: seededRandom("adoption") });
const operator = { email: "operator@example.org", passwordHash: "x", country: "ZZ" };
await seed({ client, ids, clock, regions: [localRegion("http://127.0.0.1:1")], signupMode: "open", operator });
const { id: operatorId } = await client.tenant.findFirstOrThrow({ where: { kind: "operator" } });

const pool = createStandbyPool({ client, ids, clock });
const coordination = createChainCoordination({ client, ids, clock });
const centre = createPostgresCentrePort({
  client,
  clock,
  secrets: {
    reseal: async () => new Uint8Array(),
    resealLogin: async () => new Uint8Array(),
    sign: async () => new Uint8Array(),
  },
  hints: { onWork: () => () => undefined },
  ingestUsage: async () => ({ isDuplicate: false }),
});
const edge = createPostgresEdgePort({
  client,
  clock,
  notifications: { onEdge: () => () => undefined },
  limits: { unitsPerSecond: 1, burstSeconds: 1 },
  ingestUsage: async () => ({ isDuplicate: false }),
  insertRequests: async () => undefined,
});

const kind = { framework: "anvil", version: "1.0", plan: "dev", region: "local", settings: { accounts: 10 } };
const topology = (spec: ChainSpec): NodeSpec[] =>
  spec.regions.map((region) => ({ name: "node-0", role: "node", ordinal: 0, region, ports: [] }));
const conditions = ["materialReady", "nodesReady", "networkReady", "endpointReady"].map((type) => ({
  type,
  status: "true",
  reason: "",
  message: "",
  since: clock.now().toISOString(),
}));
const route = { state: "open", reason: "", targets: {}, facts: {} };

/** A stand-by chain as the reconciler leaves it, with a row in every table that knows a chain. */
const makeStandby = async (): Promise<string> => {
  // Ids of one millisecond have no order.
  clock.advance(1);
  expect(await pool.add(kind, 1_000, topology)).toBe("added");
  const { id, tenantId } = await client.chain.findFirstOrThrow({ where: { isStandby: true }, orderBy: { id: "desc" } });
  const at = clock.now();
  await client.chain.update({
    where: { id },
    data: {
      phase: "running",
      hasRun: true,
      observedGeneration: 1,
      conditions,
      route,
      routeVersion: 3,
      fence: 7,
      dirty: false,
    },
  });
  const placement = await client.placement.update({
    where: { chainId_region: { chainId: id, region: "local" } },
    data: { observedGeneration: 1, reportedAt: at, fence: 5 },
  });
  await client.node.create({
    data: {
      ...{
        id: ids.next("node"),
        tenantId,
        chainId: id,
        placementId: placement.id,
        name: "node-0",
        role: "node",
        ordinal: 0,
      },
      ...{ region: "local", version: "1.0", state: "running", isHealthy: true, createdAt: at, billedUntil: at },
      storageBytes: 1_048_576n,
    },
  });
  await client.part.create({
    data: { id: ids.nextWith("prt"), tenantId, chainId: id, kind: "k", name: "n", settings: {} },
  });
  await client.material.create({
    data: {
      ...{ id: ids.next("material"), tenantId, chainId: id, name: "mnemonic", version: 1, kind: "key", owner: "plane" },
      ...{ public: {}, sealed: new Uint8Array([1]) },
    },
  });
  await client.authorityKey.create({
    data: {
      ...{ id: ids.nextWith("aky"), tenantId, chainId: id, ref: "ca", algorithm: "p256", publicKey: "pem" },
      sealed: new Uint8Array([1]),
    },
  });
  await client.chainClaim.create({ data: { name: `test-id/${id}`, tenantId, chainId: id } });
  await client.chainEvent.create({
    data: { id: ids.nextWith("evt"), tenantId, chainId: id, type: "phase", reason: "running", message: "" },
  });
  return id;
};

const makeCustomer = async (): Promise<{ tenantId: string; appId: string }> => {
  const [tenantId, appId] = [ids.next("tenant"), ids.next("app")];
  const portal = await client.portal.findFirstOrThrow();
  await client.tenant.create({ data: { id: tenantId, portalId: portal.id, name: "Acme", country: "FR" } });
  await client.app.create({ data: { id: appId, tenantId, name: "shop" } });
  return { tenantId, appId };
};

const toAdoption = (customer: { tenantId: string; appId: string }) => ({
  ...{ ...customer, ...kind, name: "ledger", nodeCount: 1, storageBytes: 1_024n, now: clock.now() },
});
const adopt = (customer: { tenantId: string; appId: string }, more: object = {}): Promise<string | null> =>
  withTenant(clients.app, customer.tenantId, (transaction) =>
    chainWishes.adopt(transaction, { ...toAdoption(customer), ...more }),
  );

const rows = async (sql: string, parameters: unknown[] = []): Promise<Record<string, unknown>[]> => {
  let found: Record<string, unknown>[] = [];
  await runSql(database.superuserUrl, async (query: Query) => {
    found = await query(sql, parameters);
  });
  return found;
};

beforeEach(async () => {
  await client.chain.deleteMany({ where: { isStandby: true } });
});

test("an adopted chain is the customer's in every table, is named and dated as a new one, and its fences are raised", async () => {
  const id = await makeStandby();
  const customer = await makeCustomer();
  clock.advance(90);
  await client.placement.updateMany({ where: { chainId: id }, data: { reportedAt: clock.now() } });
  expect(await adopt(customer)).toBe(id);

  const chain = await client.chain.findUniqueOrThrow({ where: { id } });
  expect(chain).toMatchObject({
    ...{ ...customer, name: "ledger", isStandby: false, sealedFor: operatorId, nodeCount: 1, storageBytes: 1_024n },
    ...{ createdAt: clock.now(), fence: 8n, leaseOwner: null, routeVersion: 4n, phase: "running", generation: 1 },
  });
  expect(chain.nextAt?.getTime()).toBe(clock.now().getTime() + 2_000);
  expect(await client.placement.findFirst({ where: { chainId: id } })).toMatchObject({ fence: 6n, leaseOwner: null });

  const tables = await rows(
    `select table_name from information_schema.columns where table_schema = 'public' and column_name in ('tenant_id', 'chain_id')
     group by table_name having count(*) = 2`,
  );
  expect(tables.length).toBeGreaterThanOrEqual(7);
  for (const { table_name: table } of tables) {
    const owners = await rows(`select distinct tenant_id from ${String(table)} where chain_id = $1`, [id]);
    // Nobody has called it or could back it up, so nothing was logged, lent or copied; operations that name a chain beside their target are those of parts.
    const isEmpty = ["request_log", "operations", "part_key_requests", "backups"].includes(String(table));
    expect(owners, String(table)).toEqual(isEmpty ? [] : [{ tenant_id: customer.tenantId }]);
  }
});

test("nobody sees a stand-by chain through the app role; adopted, its new owner alone does", async () => {
  const id = await makeStandby();
  const [customer, other] = [await makeCustomer(), await makeCustomer()];
  const seenBy = (tenantId: string) =>
    withTenant(clients.app, tenantId, async (transaction) => ({
      chain: (await chainRepository.byId(transaction, tenantId, id))?.id,
      nodes: await transaction.node.count({ where: { chainId: id } }),
      changed: (await transaction.chain.updateMany({ where: { id }, data: { wish: "paused" } })).count,
    }));
  // The operator's own rows beside the chain are no way in: whatever is done goes by the chain.
  expect(await seenBy(operatorId)).toEqual({ chain: undefined, nodes: 1, changed: 0 });
  expect(await seenBy(customer.tenantId)).toEqual({ chain: undefined, nodes: 0, changed: 0 });

  expect(await adopt(customer)).toBe(id);
  expect(await seenBy(operatorId)).toEqual({ chain: undefined, nodes: 0, changed: 0 });
  expect(await seenBy(other.tenantId)).toEqual({ chain: undefined, nodes: 0, changed: 0 });
  expect(await seenBy(customer.tenantId)).toEqual({ chain: id, nodes: 1, changed: 1 });
});

test("the app role can't make a stand-by chain, nor turn one of its own into one", async () => {
  const customer = await makeCustomer();
  const mine = {
    id: ids.next("chain"),
    ...customer,
    ...kind,
    regions: ["local"],
    hosting: "dedicated",
    createdAt: clock.now(),
  };
  const { region: _region, ...columns } = mine;
  const chain = { ...columns, name: "x", nodeCount: 1, storageBytes: 1n };
  await expect(
    withTenant(clients.app, customer.tenantId, (transaction) =>
      chainWishes.insert(transaction, { ...chain, isStandby: true }, []),
    ),
  ).rejects.toThrow(/row-level security/);
  await withTenant(clients.app, customer.tenantId, (transaction) => chainWishes.insert(transaction, chain, []));
  await expect(
    withTenant(clients.app, customer.tenantId, (transaction) =>
      transaction.chain.updateMany({ where: { id: chain.id }, data: { isStandby: true } }),
    ),
  ).rejects.toThrow(/row-level security/);
});

const spoiled: readonly (readonly [string, (id: string) => Promise<unknown>])[] = [
  ["is no stand-by chain", (id) => client.chain.update({ where: { id }, data: { isStandby: false } })],
  ["is wished paused", (id) => client.chain.update({ where: { id }, data: { wish: "paused" } })],
  ["is paused", (id) => client.chain.update({ where: { id }, data: { phase: "paused" } })],
  ["sleeps", (id) => client.chain.update({ where: { id }, data: { phase: "asleep" } })],
  ["is degraded", (id) => client.chain.update({ where: { id }, data: { phase: "degraded" } })],
  ["is being removed", (id) => pool.retire(id)],
  ["was deleted", (id) => client.chain.update({ where: { id }, data: { deletedAt: clock.now() } })],
  ["has not run", (id) => client.chain.update({ where: { id }, data: { hasRun: false } })],
  ["has not reached its wish", (id) => client.chain.update({ where: { id }, data: { generation: 2 } })],
  ["has news that nobody has looked at", (id) => client.chain.update({ where: { id }, data: { dirty: true } })],
  ["is suspected", (id) => client.chain.update({ where: { id }, data: { suspectedAt: clock.now() } })],
  [
    "has a closed route",
    (id) => client.chain.update({ where: { id }, data: { route: { ...route, state: "unhealthy" } } }),
  ],
  ["has no conditions", (id) => client.chain.update({ where: { id }, data: { conditions: [] } })],
  [
    "has a condition that is not true",
    (id) =>
      client.chain.update({
        where: { id },
        data: { conditions: conditions.map((each, index) => (index === 2 ? { ...each, status: "unknown" } : each)) },
      }),
  ],
  ["has a problem", (id) => client.placement.updateMany({ where: { chainId: id }, data: { problem: { code: "x" } } })],
  [
    "has an order that is not reached",
    (id) => client.placement.updateMany({ where: { chainId: id }, data: { generation: 2, nextAt: clock.now() } }),
  ],
  [
    "was seen too long ago",
    (id) =>
      client.placement.updateMany({
        where: { chainId: id },
        data: { reportedAt: new Date(clock.now().getTime() - 61_000) },
      }),
  ],
  ["was never seen", (id) => client.placement.updateMany({ where: { chainId: id }, data: { reportedAt: null } })],
  ["has a node that is unwell", (id) => client.node.updateMany({ where: { chainId: id }, data: { isHealthy: false } })],
  ["has a node that is down", (id) => client.node.updateMany({ where: { chainId: id }, data: { state: "stopped" } })],
  [
    "is in the hands of an operation",
    (id) =>
      client.operation.create({
        data: {
          ...{
            id: ids.next("operation"),
            tenantId: operatorId,
            kind: "chain.renew",
            targetType: "chain",
            targetId: id,
          },
          ...{ generation: 2, actorType: "system", actorId: "coordinator" },
        },
      }),
  ],
  ["has other settings", (id) => client.chain.update({ where: { id }, data: { settings: { accounts: 11 } } })],
  ["has another version", (id) => client.chain.update({ where: { id }, data: { version: "1.1" } })],
  ["has another plan", (id) => client.chain.update({ where: { id }, data: { plan: "standard" } })],
  ["is another framework's", (id) => client.chain.update({ where: { id }, data: { framework: "other" } })],
  ["is in another region", (id) => client.chain.update({ where: { id }, data: { regions: ["far"] } })],
  ["is in more regions", (id) => client.chain.update({ where: { id }, data: { regions: ["local", "far"] } })],
  ["shares its nodes", (id) => client.chain.update({ where: { id }, data: { hosting: "shared" } })],
];

test.each(spoiled)("a chain that %s is not adopted", async (_what, spoil) => {
  const id = await makeStandby();
  const customer = await makeCustomer();
  await spoil(id);
  const before = await client.chain.findUniqueOrThrow({ where: { id } });
  expect(await adopt(customer)).toBeNull();
  expect(await client.chain.findUniqueOrThrow({ where: { id } })).toEqual(before);
  await client.chain.delete({ where: { id } });
});

test.each([-3_600_000, -61_000, 61_000])(
  "nothing is adopted at a time %d ms from the last look at it",
  async (shiftMs) => {
    const id = await makeStandby();
    const customer = await makeCustomer();
    expect(await adopt(customer, { now: new Date(clock.now().getTime() + shiftMs) })).toBeNull();
    expect(await adopt(customer, { now: new Date(clock.now().getTime() + Math.sign(shiftMs) * 59_000) })).toBe(id);
  },
);

test("a tenant adopts for itself and an app of its own only, and within bounds", async () => {
  const id = await makeStandby();
  const [customer, other] = [await makeCustomer(), await makeCustomer()];
  const gone = await makeCustomer();
  await client.app.update({ where: { id: gone.appId }, data: { state: "archived" } });
  const asOther = (values: object) =>
    withTenant(clients.app, customer.tenantId, (transaction) =>
      chainWishes.adopt(transaction, { ...toAdoption(customer), ...values }),
    );
  await expect(asOther({ tenantId: other.tenantId, appId: other.appId })).rejects.toThrow(/own tenant only/);
  await expect(asOther({ appId: other.appId })).rejects.toThrow(/active app/);
  await expect(adopt(gone)).rejects.toThrow(/active app/);
  await expect(asOther({ name: "" })).rejects.toThrow(/out of bounds/);
  await expect(asOther({ name: "x".repeat(201) })).rejects.toThrow(/out of bounds/);
  await expect(asOther({ nodeCount: -1 })).rejects.toThrow(/out of bounds/);
  await expect(asOther({ storageBytes: -1n })).rejects.toThrow(/out of bounds/);
  await expect(asOther({ settings: { text: randomUUID().repeat(4_000) } })).rejects.toThrow(/out of bounds/);
  // Without a tenant there is nobody to adopt for.
  await expect(chainWishes.adopt(outsideTransaction(clients.app), toAdoption(customer))).rejects.toThrow(/own tenant/);
  expect((await client.chain.findUniqueOrThrow({ where: { id } })).tenantId).toBe(operatorId);
});

test("the function belongs to the system role, looks nothing up by a path of its caller's, and only the app role may call it", async () => {
  const [found] = await rows(
    `select pg_get_userbyid(proowner) as owner, prosecdef as definer, array_to_string(proconfig, ',') as config, proacl::text as acl
       from pg_proc where proname = 'adopt_standby_chain'`,
  );
  expect(found).toEqual({
    owner: "portolan_system",
    definer: true,
    config: "search_path=pg_catalog, public, pg_temp",
    acl: "{portolan_system=X/portolan_system,portolan_app=X/portolan_system}",
  });
  const [schema] = await rows("select has_schema_privilege('portolan_system', 'public', 'create') as may");
  expect(schema).toEqual({ may: false });
});

test("twenty creations at once and three chains: three are adopted, each once", async () => {
  const standing = [await makeStandby(), await makeStandby(), await makeStandby()];
  const customers = await Promise.all(Array.from({ length: 20 }, makeCustomer));
  const adopted = (await Promise.all(customers.map((customer) => adopt(customer)))).filter((id) => id !== null);
  expect(adopted.sort()).toEqual(standing.sort());
  const owners = await client.chain.findMany({ where: { id: { in: standing } }, select: { tenantId: true } });
  expect(new Set(owners.map(({ tenantId }) => tenantId)).size).toBe(3);
});

test("a creation that fails after it has adopted leaves the chain standing by", async () => {
  const id = await makeStandby();
  const [customer, next] = [await makeCustomer(), await makeCustomer()];
  const before = await client.chain.findUniqueOrThrow({ where: { id } });
  const failing = withTenant(clients.app, customer.tenantId, async (transaction) => {
    expect(await chainWishes.adopt(transaction, toAdoption(customer))).toBe(id);
    throw new Error("over quota");
  });
  await expect(failing).rejects.toThrow("over quota");
  expect(await client.chain.findUniqueOrThrow({ where: { id } })).toEqual(before);
  expect(await adopt(next)).toBe(id);
});

test("whoever holds a lease from before the adoption writes nothing any more", async () => {
  const id = await makeStandby();
  const customer = await makeCustomer();
  const placement = await client.placement.findFirstOrThrow({ where: { chainId: id } });
  const work = await coordination.claim(id, "worker-1", 15_000);
  const claim = await centre.claim(placement.id, { id: "worker-1", leaseMs: 15_000 });
  if (work === null || claim === null) throw new Error("not claimed");
  expect(work).toMatchObject({ spec: { tenantId: operatorId }, sealedFor: null });

  expect(await adopt(customer)).toBe(id);
  const item = { name: "late", version: 1, kind: "key", owner: "plane", public: {}, hasSecret: true } as const;
  expect(await coordination.saveMaterial(work, [{ ...item, sealed: new Uint8Array([2]) }])).toBe(false);
  expect(await coordination.saveResealed(work, [])).toBe(false);
  expect(
    await coordination.save(work, {
      ...{ conditions: [], phase: "degraded", observedGeneration: 1, hasRun: true, view: null, orders: [], nodes: [] },
      ...{
        operation: null,
        partOperations: [],
        reachedParts: [],
        events: [],
        purgeAt: null,
        attempts: 0,
        nextAt: null,
        backup: null,
        restore: null,
        isPurged: true,
      },
      route: { state: "unhealthy", reason: "", targets: {}, facts: {} },
    }),
  ).toBe(false);
  await coordination.release(work);
  expect(await centre.renew([claim], 15_000)).toEqual({ lost: [claim] });
  expect(await centre.reportDown(claim.placementId, claim.fence, ["node-0"])).toEqual({ fenced: true });
  expect(await centre.secrets(claim.placementId, claim.fence, [], "")).toEqual({ fenced: true });

  expect(await client.chain.findUniqueOrThrow({ where: { id } })).toMatchObject({
    phase: "running",
    route,
    ...customer,
  });
  expect(await client.material.count({ where: { chainId: id } })).toBe(1);
  // The next pass has it, under its new tenant, and knows whom the secrets still name.
  expect(await coordination.claim(id, "worker-2", 15_000)).toMatchObject({
    spec: { tenantId: customer.tenantId },
    sealedFor: operatorId,
  });
});

test("running time before the adoption is the operator's, after it the customer's; not a second is lost or twice", async () => {
  const id = await makeStandby();
  const customer = await makeCustomer();
  const { placementId } = await client.node.findFirstOrThrow({ where: { chainId: id } });
  const look = async () => {
    await client.placement.updateMany({ where: { chainId: id }, data: { reportedAt: clock.now() } });
    await inTransaction(client, (transaction) =>
      accrueNodeTime(transaction, { placementId, node: "node-0", isRunning: true, startedAt: null, now: clock.now() }),
    );
  };
  clock.advance(5_000_000);
  await look();
  clock.advance(7_000);
  expect(await adopt(customer)).toBe(id);
  clock.advance(11_000);
  await look();
  const sums = await client.usageHourly.groupBy({
    by: ["tenantId"],
    where: { subjectId: id },
    _sum: { quantity: true },
  });
  expect(Object.fromEntries(sums.map((row) => [row.tenantId, row._sum.quantity]))).toEqual({
    [operatorId]: 5_007n,
    [customer.tenantId]: 11n,
  });
  const apps = await client.usageHourly.findMany({ where: { subjectId: id, tenantId: customer.tenantId } });
  expect(new Set(apps.map((row) => row.appId))).toEqual(new Set([customer.appId]));
});

test("storage of the hours before is not the customer's", async () => {
  const id = await makeStandby();
  const customer = await makeCustomer();
  clock.advance(5 * 3_600_000);
  await client.placement.updateMany({ where: { chainId: id }, data: { reportedAt: clock.now() } });
  expect(await adopt(customer)).toBe(id);
  clock.advance(2 * 3_600_000);
  await meterStorage({ client, clock });
  const found = await client.usageHourly.findMany({ where: { subjectId: id, sku: "storage.standard" } });
  // The hour that began after it was adopted, as for a chain that was made then.
  expect(found.map(({ tenantId, quantity }) => ({ tenantId, quantity }))).toEqual([
    { tenantId: customer.tenantId, quantity: 1n },
  ]);
});

test("no gateway knows of a stand-by chain; it hears of an adopted one", async () => {
  const id = await makeStandby();
  const customer = await makeCustomer();
  const known = async () => (await edge.snapshot("local")).routes.find(({ chainId }) => chainId === id);
  expect(await known()).toBeUndefined();
  expect(await adopt(customer)).toBe(id);
  expect(await known()).toMatchObject({ ...customer, state: "open", version: "4" });
});

test("several workers that fill one pool at once make no more than is wanted; a quota does not count them", async () => {
  const outcomes = await Promise.all(Array.from({ length: 6 }, () => pool.add(kind, 2, topology)));
  expect(outcomes.sort()).toEqual(["added", "added", "full", "full", "full", "full"]);
  const chains = await pool.list(["local"]);
  expect(chains).toHaveLength(2);
  expect(chains[0]).toMatchObject({ ...kind, isReady: false });
  expect(await pool.list(["elsewhere"])).toEqual([]);
  const { appId } = await client.chain.findFirstOrThrow({ where: { isStandby: true } });
  expect(
    await withTenant(clients.app, operatorId, (transaction) => chainWishes.reserved(transaction, operatorId, appId)),
  ).toEqual({ chains: 0, chainsPerApp: 0, nodes: 0, storageBytes: 0 });
  expect(await client.app.count({ where: { tenantId: operatorId } })).toBe(1);
});

test("a region that takes no new chains gets none to stand by", async () => {
  await client.region.updateMany({ data: { state: "draining" } });
  expect(await pool.add(kind, 1, topology)).toBe("full");
  await client.region.updateMany({ data: { state: "open" } });
  expect(await pool.add(kind, 1, topology)).toBe("added");
});

test("an adopted chain can't be removed as a surplus one any more", async () => {
  const id = await makeStandby();
  expect(await adopt(await makeCustomer())).toBe(id);
  expect(await pool.retire(id)).toBe(false);
  expect((await client.chain.findUniqueOrThrow({ where: { id } })).wish).toBe("running");
});
