import { describe, expect, it } from "vitest";
import { startApi } from "./harness.ts";
import { finish, makeNetwork, testNetwork } from "./network.ts";

const api = await startApi({ frameworks: [testNetwork] });
const { token, tenantId } = await api.signUp();
const large = {
  ...{ plan: "large", title: "Large", recoveryWindowSeconds: 0 },
  limits: { cpuMillis: 100, memoryBytes: 67_108_864, storageBytes: 10_485_760, unitsPerSecond: 1_000 },
};
/** With a plan of more storage. */
const bigger = await startApi({ frameworks: [{ ...testNetwork, plans: [...testNetwork.plans, large] }] });
const { system } = api.deps.clients;
const row = (id: string) => system.chain.findUniqueOrThrow({ where: { id } });

describe("chains.update", () => {
  it("202: also when it is named by a merge patch's own media type", async () => {
    const { chain, params } = await makeNetwork(api, token, { settings: { greeting: "hi" } });
    const response = await api.send("chains.update", {
      token,
      params,
      body: { settings: { leaves: 3 } },
      headers: { "content-type": "application/merge-patch+json" },
    });
    expect(response.statusCode, response.body).toBe(202);
    expect((await row(chain)).settings).toMatchObject({ leaves: 3, greeting: "hi" });
  });

  it("202: given members replace, the wish is a new generation, and what it reserves is counted", async () => {
    const { chain, params } = await makeNetwork(api, token, { settings: { greeting: "hi" } });
    const etag = String((await api.send("chains.get", { token, params })).headers.etag);
    const body = { settings: { leaves: 4 }, name: "bigger" };
    const response = await api.send("chains.update", { token, params, body, headers: { "if-match": etag } });
    expect(response.statusCode).toBe(202);
    expect(response.headers.etag).toBe('"2"');
    expect(response.json()).toMatchObject({ kind: "chain.update", target: { type: "chain", id: chain } });
    expect(await row(chain)).toMatchObject({
      name: "bigger",
      settings: { leaves: 4, greeting: "hi", codename: "fake" },
      generation: 2,
      observedGeneration: 1,
      nodeCount: 5,
      dirty: true,
    });
    const audit = await system.auditEvent.findFirstOrThrow({ where: { targetId: chain, action: "chain.update" } });
    expect(audit.detail).toMatchObject({ members: ["name", "settings"], settings: ["leaves"] });
    const decisions = await system.decision.count({ where: { tenantId, stage: "quote" } });
    expect(decisions).toBeGreaterThan(1);
    await finish(api, response.json().id);
    await finish(api, (await api.call("chains.update", { token, params, body: { settings: { greeting: null } } })).id);
    expect((await row(chain)).settings).toMatchObject({ leaves: 4, greeting: "hello" });
  });

  it("412: the chain was changed since it was read", async () => {
    const { chain, params } = await makeNetwork(api, token);
    const headers = { "if-match": '"1"' };
    await finish(api, (await api.call("chains.update", { token, params, body: { name: "a" }, headers })).id);
    await api.fail("chains.update", "resource.stale", { token, params, body: { name: "b" }, headers });
    expect((await row(chain)).name).toBe("a");
  });

  it("409: one change at a time, none of a paused chain; 410 of a deleted one", async () => {
    const { params } = await makeNetwork(api, token);
    const first = await api.call("chains.update", { token, params, body: { name: "a" } });
    const document = await api.fail("chains.update", "chain.busy", { token, params, body: { name: "b" } });
    expect(document.operationId).toBe(first.id);
    await finish(api, first.id);
    await finish(api, (await api.call("chains.pause", { token, params, body: {} })).id);
    await api.fail("chains.update", "chain.wrong_phase", { token, params, body: { name: "b" } });
    await api.call("chains.delete", { token, params });
    await api.fail("chains.update", "chain.deleted", { token, params, body: { name: "b" } });
  });

  it("422: settings that are none, and what the framework says can't be changed", async () => {
    const { chain, params } = await makeNetwork(api, token);
    const wrong = await api.fail("chains.update", "chain.settings_invalid", {
      token,
      params,
      body: { settings: { leaves: 99 } },
    });
    expect(wrong.errors?.[0]?.path).toBe("settings.leaves");
    const kept = await api.fail("chains.update", "chain.settings_invalid", {
      token,
      params,
      body: { settings: { codename: "other" } },
    });
    expect(kept.errors).toEqual([
      { path: "settings.codename", code: "immutable", message: "The codename can't be changed." },
    ]);
    expect((await row(chain)).generation).toBe(1);
  });

  it("403: growth counts against the quota, and nothing else of the chain does", async () => {
    const session = await api.signUp();
    const { chain, params } = await makeNetwork(api, session.token);
    await system.tenant.update({ where: { id: session.tenantId }, data: { quotas: { nodes: 5, chains: 1 } } });
    const change = (leaves: number) => ({ token: session.token, params, body: { settings: { leaves } } });
    await api.fail("chains.update", "quota.exceeded", change(5));
    await finish(api, (await api.call("chains.update", change(4))).id);
    await finish(api, (await api.call("chains.update", change(2))).id);
    expect((await row(chain)).nodeCount).toBe(3);
  });

  it("202: a version that the present one may be upgraded to, which the audit names", async () => {
    const { chain, params } = await makeNetwork(api, token);
    const update = await api.call("chains.update", { token, params, body: { version: "1.1.0" } });
    expect(update.kind).toBe("chain.update");
    expect(await row(chain)).toMatchObject({ version: "1.1.0", plan: "standard", generation: 2 });
    const audit = await system.auditEvent.findFirstOrThrow({ where: { targetId: chain, action: "chain.update" } });
    expect(audit.detail).toMatchObject({ members: ["version"], version: { from: "1.0.0", to: "1.1.0" } });
    expect((await api.call("chains.get", { token, params })).version).toBe("1.1.0");
  });

  it.each(["chains.update", "chains.quoteUpdate"] as const)(
    "400 of %s: a version that is none, and one that there is no way to",
    async (operation) => {
      const { chain, params } = await makeNetwork(api, token);
      const unknown = await api.fail(operation, "request.invalid", { token, params, body: { version: "9.9" } });
      expect(unknown).toMatchObject({ errors: [{ path: "version", code: "unknown" }], hint: "Offered: 1.0.0, 1.1.0." });
      await finish(api, (await api.call("chains.update", { token, params, body: { version: "1.1.0" } })).id);
      const back = await api.fail(operation, "request.invalid", { token, params, body: { version: "1.0.0" } });
      expect(back).toMatchObject({
        errors: [{ path: "version", code: "not_an_upgrade" }],
        hint: "From 1.1.0 there is no upgrade; a new chain can be of 1.0.0.",
      });
      expect(await row(chain)).toMatchObject({ version: "1.1.0", generation: 2 });
    },
  );

  it("cancel goes back to the former version and plan, until a node has run the new one", async () => {
    const { chain, params } = await makeNetwork(api, token, { plan: "dev" });
    const { tenantId: owner } = await row(chain);
    const placement = await system.placement.findFirstOrThrow({ where: { chainId: chain } });
    const node = { tenantId: owner, chainId: chain, placementId: placement.id, region: "local", createdAt: new Date() };
    for (const name of ["hub-0", "leaf-0"]) {
      const id = api.deps.ids.next("node");
      await system.node.create({ data: { ...node, id, name, role: "hub", ordinal: 0, version: "1.0.0" } });
    }
    const body = { version: "1.1.0", plan: "standard" };
    const first = await api.call("chains.update", { token, params, body });
    await api.call("operations.cancel", { token, params: { operation: first.id }, body: {} });
    expect(await row(chain)).toMatchObject({ version: "1.0.0", plan: "dev", generation: 3 });
    await finish(api, first.id, "cancelled");
    const second = await api.call("chains.update", { token, params, body });
    await system.node.updateMany({ where: { chainId: chain, name: "leaf-0" }, data: { version: "1.1.0" } });
    const kept = await api.fail("operations.cancel", "operation.not_cancellable", {
      ...{ token, params: { operation: second.id }, body: {} },
    });
    expect(kept.detail).toContain("leaf-0 of the chain has run 1.1.0 already");
    expect(await row(chain)).toMatchObject({ version: "1.1.0", plan: "standard" });
  });

  it("202: another plan is what it reserves and costs from now on; 403 where the quota has no room", async () => {
    const session = await bigger.signUp();
    const { chain, params } = await makeNetwork(bigger, session.token, { plan: "dev" });
    const call = { token: session.token, params, body: { plan: "large" } };
    const quote = await bigger.call("chains.quoteUpdate", call);
    const storage = quote.quota.find(({ name }) => name === "storageBytes");
    expect((storage?.after ?? 0) - (storage?.used ?? 0)).toBe(4 * 9_437_184);
    await bigger.deps.clients.system.tenant.update({
      ...{ where: { id: session.tenantId }, data: { quotas: { storageBytes: 5_000_000 } } },
    });
    await bigger.fail("chains.update", "quota.exceeded", call);
    await bigger.deps.clients.system.tenant.update({ where: { id: session.tenantId }, data: { quotas: {} } });
    await bigger.call("chains.update", call);
    const found = await bigger.deps.clients.system.chain.findUniqueOrThrow({ where: { id: chain } });
    expect(found).toMatchObject({ plan: "large", storageBytes: 41_943_040n, generation: 2 });
  });

  it.each(["chains.update", "chains.quoteUpdate"] as const)(
    "400 of %s: a plan that is none, smaller storage, larger storage where a region's can't grow",
    async (operation) => {
      const session = await bigger.signUp();
      const { chain, params } = await makeNetwork(bigger, session.token, { plan: "dev" });
      const client = bigger.deps.clients.system;
      const ask = (plan: string) => ({ token: session.token, params, body: { plan } });
      const none = await bigger.fail(operation, "plan.unknown", ask("huge"));
      expect(none.hint).toBe("Offered: dev, standard, large.");
      const where = { slug: "local" };
      const known = await client.region.findUniqueOrThrow({ where });
      const can = { isolation: "none", hasSnapshots: true, exposures: ["gateway"] };
      await client.region.update({ where, data: { capabilities: { ...can, hasStorageExpansion: false } } });
      const fixed = await bigger.fail(operation, "request.invalid", ask("large"));
      expect(fixed).toMatchObject({ errors: [{ path: "plan", code: "storage_fixed" }] });
      expect(fixed.hint).toContain("allowVolumeExpansion");
      await client.region.update({ where, data: { capabilities: { ...can, hasStorageExpansion: true } } });
      // More processors alone need no larger volume.
      await finish(bigger, (await bigger.call("chains.update", ask("standard"))).id);
      await finish(bigger, (await bigger.call("chains.update", ask("large"))).id);
      const smaller = await bigger.fail(operation, "request.invalid", ask("dev"));
      expect(smaller).toMatchObject({ errors: [{ path: "plan", code: "storage_smaller" }] });
      expect((await client.chain.findUniqueOrThrow({ where: { id: chain } })).plan).toBe("large");
      await client.region.update({ where, data: { capabilities: known.capabilities ?? {} } });
    },
  );

  it("cancel goes back to what it was", async () => {
    const { chain, params } = await makeNetwork(api, token, { settings: { leaves: 2 } });
    const update = await api.call("chains.update", { token, params, body: { name: "x", settings: { leaves: 6 } } });
    expect((await row(chain)).nodeCount).toBe(7);
    await api.call("operations.cancel", { token, params: { operation: update.id }, body: {} });
    expect(await row(chain)).toMatchObject({
      name: "network",
      settings: { leaves: 2 },
      nodeCount: 3,
      generation: 3,
      wish: "running",
    });
  });
});

describe("chains.quoteUpdate", () => {
  it("200: cost, nodes and quota as they would be, and nothing is changed", async () => {
    const { chain, params } = await makeNetwork(api, token);
    const before = await row(chain);
    const quote = await api.call("chains.quoteUpdate", { token, params, body: { settings: { leaves: 5 } } });
    expect(quote.allowed).toBe(true);
    expect(quote.nodes).toHaveLength(6);
    const nodes = quote.quota.find(({ name }) => name === "nodes");
    expect((nodes?.after ?? 0) - (nodes?.used ?? 0)).toBe(2);
    expect(quote.quota.find(({ name }) => name === "chains")).toMatchObject({
      after: quote.quota.find(({ name }) => name === "chains")?.used,
    });
    expect(await row(chain)).toEqual(before);
  });
});
