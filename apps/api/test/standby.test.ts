import { createStandbyPool } from "@portolan/store";
import { expect, test } from "vitest";
import { startApi } from "./harness.ts";

const entry = { framework: "anvil", plan: "dev", region: "local", count: 3 };
const api = await startApi({ standby: [entry] });
const { clients, clock, ids } = api.deps;
const client = clients.system;
const [target] = api.deps.standby;
if (target === undefined) throw new Error("anvil can stand by");
const { framework, version, plan, region, settings } = target;
const kind = { framework: framework.slug, version, plan, region, settings };

const portal = await client.portal.findFirstOrThrow({ where: { slug: "global" } });
const operatorId = ids.next("tenant");
await client.tenant.create({
  data: { id: operatorId, portalId: portal.id, name: "Operator", country: "ZZ", kind: "operator" },
});
const pool = createStandbyPool({ client, ids, clock });

/** As the reconciler leaves it: running, seen just now. */
const makeStandby = async (): Promise<string> => {
  const known = new Set((await pool.list([region])).map(({ id }) => id));
  expect(await pool.add(kind, 100, (spec) => framework.topology(spec))).toBe("added");
  const id = (await pool.list([region])).find((chain) => !known.has(chain.id))?.id ?? "";
  const now = clock.now();
  const conditions = ["materialReady", "nodesReady", "networkReady", "endpointReady"].map((type) => ({
    ...{ type, status: "true", reason: "", message: "", since: now.toISOString() },
  }));
  const route = { state: "open", reason: "", targets: {}, facts: {} };
  await client.chain.update({
    where: { id },
    data: { phase: "running", hasRun: true, observedGeneration: 1, conditions, route, routeVersion: 1 },
  });
  const placement = await client.placement.update({
    where: { chainId_region: { chainId: id, region } },
    data: { observedGeneration: 1, reportedAt: now },
  });
  await client.node.create({
    data: {
      ...{ id: ids.next("node"), tenantId: operatorId, chainId: id, placementId: placement.id, name: "node-0" },
      ...{ role: "node", ordinal: 0, region, version, state: "running", isHealthy: true, billedUntil: now },
    },
  });
  return id;
};

const customer = async (portalSlug = "global", country = "FR") => {
  const session = await api.signUp({ portal: portalSlug, country });
  const { id: appId } = await api.call("apps.create", { token: session.token, body: { name: "shop" } });
  const body = { appId, name: "ledger", framework: "anvil", plan: "dev", regions: ["local"] };
  return { ...session, appId, body };
};
const isStandingBy = async (id: string): Promise<boolean> =>
  (await client.chain.findUniqueOrThrow({ where: { id } })).isStandby;

test("a creation of nothing but defaults adopts the chain that stands by: it runs at once and is recorded as any", async () => {
  const id = await makeStandby();
  const { token, tenantId, appId, body } = await customer();
  api.wakes.length = 0;
  const response = await api.send("chains.create", { token, body });
  expect(response.statusCode).toBe(202);
  const operation = response.json();
  expect(response.headers["location"]).toBe(`/v1/operations/${operation.id}`);
  expect(operation).toMatchObject({
    kind: "chain.create",
    state: "succeeded",
    progress: 1,
    target: { type: "chain", id },
  });
  expect(operation.steps).toMatchObject([{ key: "adopt", state: "succeeded" }]);
  expect(await api.call("operations.get", { token, params: { operation: operation.id } })).toEqual(operation);
  // Nothing is to be done in any region.
  expect(api.wakes).toEqual([]);

  const chain = await api.call("chains.get", { token, params: { chain: id } });
  expect(chain).toMatchObject({
    id,
    appId,
    name: "ledger",
    phase: "running",
    generation: 1,
    observedGeneration: 1,
    settings,
  });
  expect(chain.endpoints).toHaveLength(framework.protocols.length);
  expect(Math.abs(Date.parse(chain.createdAt) - clock.now().getTime())).toBeLessThan(10_000);
  expect((await api.call("chains.nodes", { token, params: { chain: id } })).items).toHaveLength(1);
  expect((await api.call("chains.list", { token })).items.map((item) => item.id)).toEqual([id]);
  const audit = await client.auditEvent.findMany({ where: { tenantId, action: "chain.create" } });
  expect(audit).toMatchObject([{ targetId: id, detail: { stoodBy: true, operationId: operation.id } }]);
  expect(await client.decision.count({ where: { tenantId, stage: "quote" } })).toBe(1);

  // From here on a chain as any other.
  const paused = await api.call("chains.pause", { token, params: { chain: id }, body: {} });
  expect(paused).toMatchObject({ kind: "chain.pause", state: "queued", target: { id } });
});

test("the same Idempotency-Key again answers with the same chain and adopts no second one", async () => {
  const ready = [await makeStandby(), await makeStandby()];
  const { token, body } = await customer();
  const headers = { "idempotency-key": "once" };
  const first = await api.call("chains.create", { token, body, headers });
  const again = await api.send("chains.create", { token, body, headers });
  expect(again.headers["idempotency-replayed"]).toBe("true");
  expect(again.json()).toEqual(first);
  const left = [];
  for (const id of ready) if (await isStandingBy(id)) left.push(id);
  expect(left).toHaveLength(1);
  await client.chain.deleteMany({ where: { isStandby: true } });
});

test("whoever asks for anything of its own gets a chain made for it, as does everybody when none is ready", async () => {
  const id = await makeStandby();
  const { token, body } = await customer();
  for (const more of [{ settings: { accounts: 3 } }, { settings: { blockTimeSeconds: 1 } }, { plan: "standard" }]) {
    const made = await api.call("chains.create", { token, body: { ...body, ...more } });
    expect(made.state).toBe("queued");
    expect(made.target.id).not.toBe(id);
  }
  expect(await isStandingBy(id)).toBe(true);
  // Spelled out, the defaults are the defaults.
  const spelled = await api.call("chains.create", {
    token,
    body: { ...body, version, settings, hosting: "dedicated" },
  });
  expect(spelled).toMatchObject({ state: "succeeded", target: { id } });
  const next = await api.call("chains.create", { token, body });
  expect(next.state).toBe("queued");
  expect(next.steps.map(({ key }) => key)).toEqual(["material", "nodes", "network", "endpoint"]);
});

test("policy and quota come first: a creation that they refuse leaves the chain standing by", async () => {
  const id = await makeStandby();
  const denied = await customer("domestic", "CN");
  await api.fail("chains.create", "policy.denied", { token: denied.token, body: denied.body });
  expect(await isStandingBy(id)).toBe(true);

  const poor = await customer();
  await client.tenant.update({ where: { id: poor.tenantId }, data: { quotas: { nodes: 0 } } });
  await api.fail("chains.create", "quota.exceeded", { token: poor.token, body: poor.body });
  expect(await isStandingBy(id)).toBe(true);
  // And counts as any other once it is somebody's.
  await client.tenant.update({ where: { id: poor.tenantId }, data: { quotas: { nodes: 1 } } });
  expect(await api.call("chains.create", { token: poor.token, body: poor.body })).toMatchObject({ target: { id } });
  await makeStandby();
  await api.fail("chains.create", "quota.exceeded", { token: poor.token, body: poor.body });
  await client.chain.deleteMany({ where: { isStandby: true } });
});

test("twenty creations at once with three chains standing by: three adopt one each, the others get theirs made", async () => {
  const ready = [await makeStandby(), await makeStandby(), await makeStandby()];
  const { token, body } = await customer();
  await client.tenant.updateMany({
    data: { quotas: { chains: 100, chainsPerApp: 100, nodes: 100, storageBytes: 2 ** 50 } },
  });
  const made = await Promise.all(Array.from({ length: 20 }, () => api.call("chains.create", { token, body })));
  const adopted = made.filter(({ state }) => state === "succeeded").map(({ target: { id } }) => id);
  expect(adopted.sort()).toEqual(ready.sort());
  expect(new Set(made.map(({ target: { id } }) => id)).size).toBe(20);
});

test("a stand-by chain is nobody's: not in its owner's list, not to be read, called off or looked into", async () => {
  const id = await makeStandby();
  const owner = await customer();
  const { appId } = await client.chain.findUniqueOrThrow({ where: { id } });
  // The operator's own user, whose tenant owns the chain.
  await client.chain.updateMany({ where: { id }, data: { tenantId: owner.tenantId, appId: owner.appId } });
  const { token } = owner;
  expect((await api.call("chains.list", { token })).items).toEqual([]);
  const params = { chain: id };
  await api.fail("chains.get", "resource.not_found", { token, params });
  await api.fail("chains.logs", "resource.not_found", { token, params });
  await api.fail("chains.events", "resource.not_found", { token, params });
  await api.fail("chains.pause", "resource.not_found", { token, params, body: {} });
  await api.fail("chains.delete", "resource.not_found", { token, params });
  await client.chain.updateMany({ where: { id }, data: { tenantId: operatorId, appId } });
});
