import { describe, expect, it } from "vitest";
import { startApi } from "./harness.ts";
import { finish, makeNetwork, testNetwork } from "./network.ts";

const api = await startApi({ frameworks: [testNetwork] });
const { token, tenantId } = await api.signUp();
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
