import { toPartRoutes } from "@portolan/contract";
import { topicKind } from "@portolan/testing";
import { describe, expect, it } from "vitest";
import { makeChain, startApi } from "./harness.ts";
import { finish, makeNetwork, testNetwork } from "./network.ts";

const api = await startApi({ frameworks: [testNetwork] });
const { token } = await api.signUp();
const { system } = api.deps.clients;

const network = async (input?: Parameters<typeof makeNetwork>[2]) => makeNetwork(api, token, input);
const create = (params: object, body: object, headers: { [name: string]: string } = {}) =>
  api.call("topics.create", { token, params: params as { chain: string }, body, headers });
const partRow = (id: string) => system.part.findUniqueOrThrow({ where: { id } });

describe("topics.create", () => {
  it("202: part, operation, audit row and a chain that is due, in one go", async () => {
    const { chain, params } = await network();
    const before = await system.chain.findUniqueOrThrow({ where: { id: chain } });
    const response = await api.send("topics.create", { token, params, body: { name: "orders" } });
    expect(response.statusCode).toBe(202);
    const operation = response.json();
    expect(response.headers.location).toBe(`/v1/operations/${operation.id}`);
    expect(operation).toMatchObject({
      kind: "part.create",
      target: { type: "topic", id: expect.stringMatching(/^top_/) },
      state: "queued",
      steps: [{ key: "material" }, { key: "reached" }],
    });
    expect(await partRow(operation.target.id)).toMatchObject({
      chainId: chain,
      name: "orders",
      settings: { retentionHours: 24, isRefused: false, hasRelay: false },
      generation: 1,
      observedGeneration: 0,
    });
    const after = await system.chain.findUniqueOrThrow({ where: { id: chain } });
    // The chain's own wish is as it was: nobody's calls are stopped for a topic.
    expect(after).toMatchObject({ generation: before.generation, routeVersion: before.routeVersion, dirty: true });
    expect(after.nextAt?.getTime()).toBeLessThanOrEqual(Date.now());
    expect(api.wakes.at(-1)).toContain(chain);
    const audit = await system.auditEvent.findFirstOrThrow({ where: { targetId: operation.target.id } });
    expect(audit).toMatchObject({ action: "topic.create", detail: { chainId: chain, name: "orders" } });
    const listed = await api.call("operations.list", { token, query: { chainId: chain } });
    expect(listed.items.map(({ kind }) => kind)).toEqual(["part.create", "chain.create"]);
  });

  it("409: a name is used once, also when what had it is gone", async () => {
    const { params } = await network();
    const made = await create(params, { name: "orders" });
    await api.fail("topics.create", "part.name_taken", { token, params, body: { name: "orders" } });
    await finish(api, made.id);
    const topic = { ...params, topic: "orders" };
    const gone = await api.call("topics.delete", { token, params: topic });
    await finish(api, gone.id);
    const document = await api.fail("topics.create", "part.name_taken", { token, params, body: { name: "orders" } });
    expect(document.detail).toContain("had a topic");
    expect(document.hint).toContain("once");
  });

  it("202 once and 409 for all others of 100 at once; with one key it is one answer", async () => {
    const { chain, params } = await network();
    const answers = await Promise.all(
      Array.from({ length: 100 }, () => api.send("topics.create", { token, params, body: { name: "orders" } })),
    );
    const codes = answers.map(({ statusCode }) => statusCode);
    expect(codes.filter((code) => code === 202)).toHaveLength(1);
    expect(codes.filter((code) => code === 409)).toHaveLength(99);
    const headers = { "idempotency-key": "one" };
    const same = await Promise.all(
      Array.from({ length: 100 }, () => api.send("topics.create", { token, params, body: { name: "bills" }, headers })),
    );
    const made = same.filter(({ statusCode }) => statusCode === 202);
    expect(new Set(made.map(({ body }) => body)).size).toBe(1);
    for (const answer of same)
      if (answer.statusCode !== 202)
        expect([answer.statusCode, answer.json().code]).toEqual([409, "idempotency.in_flight"]);
    const replay = await api.send("topics.create", { token, params, body: { name: "bills" }, headers });
    expect([replay.statusCode, replay.headers["idempotency-replayed"]]).toEqual([202, "true"]);
    await api.fail("topics.create", "idempotency.mismatch", { token, params, body: { name: "other" }, headers });
    expect(await system.part.count({ where: { chainId: chain } })).toBe(2);
  });

  it("404 with what there is: a framework without such parts, a chain that is not there", async () => {
    const anvil = await makeChain(api, token);
    const document = await api.fail("topics.create", "resource.not_found", {
      token,
      params: { chain: anvil.chainId },
      body: { name: "orders" },
    });
    expect(document.detail).toBe("Chains of anvil have no topics.");
    expect(document.hint).toContain("anvil");
    const other = await api.signUp();
    const { params } = await network();
    await api.fail("topics.create", "resource.not_found", { token: other.token, params, body: { name: "orders" } });
  });

  it("400 and 422: names and settings that are not those of the kind, and what the framework finds", async () => {
    const { params } = await network();
    for (const name of ["", "Orders", "1st", "a_b", "x".repeat(33), "top_0000000000000000000000000a"])
      await api.fail("topics.create", "request.invalid", { token, params, body: { name } });
    const wrong = await api.fail("topics.create", "request.invalid", {
      token,
      params,
      body: { name: "orders", settings: { retentionHours: 0 } },
    });
    expect(wrong.errors?.map(({ path }) => path)).toEqual(["settings.retentionHours"]);
    await create(params, { name: "long", settings: { retentionHours: 8_000 } });
    const refused = await api.fail("topics.create", "part.settings_invalid", {
      token,
      params,
      body: { name: "longer", settings: { retentionHours: 8_000 } },
    });
    expect(refused).toMatchObject({
      errors: [{ path: "settings.retentionHours", code: "too_long" }],
      hint: "Take 2000.",
    });
  });

  it("409 and 410: a paused chain, a deleted one", async () => {
    const { chain, params } = await network();
    const paused = await api.call("chains.pause", { token, params, body: {} });
    const document = await api.fail("topics.create", "chain.wrong_phase", { token, params, body: { name: "orders" } });
    expect(document.hint).toContain("resume");
    await finish(api, paused.id);
    await api.call("chains.delete", { token, params });
    await api.fail("topics.create", "chain.deleted", { token, params, body: { name: "orders" } });
    expect(await system.part.count({ where: { chainId: chain } })).toBe(0);
  });

  it("403: the nodes of a part count against the quota, and are given back with it", async () => {
    const session = await api.signUp();
    const { chain, params } = await makeNetwork(api, session.token);
    await system.tenant.update({ where: { id: session.tenantId }, data: { quotas: { nodes: 5 } } });
    const relay = (name: string) => ({
      token: session.token,
      params,
      body: { name, settings: { hasRelay: true } },
    });
    const made = await api.call("topics.create", relay("one"));
    expect((await system.chain.findUniqueOrThrow({ where: { id: chain } })).nodeCount).toBe(5);
    await api.fail("topics.create", "quota.exceeded", relay("two"));
    await finish(api, made.id);
    await api.call("topics.delete", { token: session.token, params: { ...params, topic: "one" } });
    expect((await system.chain.findUniqueOrThrow({ where: { id: chain } })).nodeCount).toBe(4);
    await api.call("topics.create", relay("two"));
  });
});

describe("topics.get and list", () => {
  it("200 by id and by name, with what the framework knows of it", async () => {
    const { chain, params } = await network();
    const made = await create(params, { name: "orders" });
    const topic = { ...params, topic: made.target.id };
    const response = await api.send("topics.get", { token, params: topic });
    expect(response.headers.etag).toBe('"1"');
    expect(response.json()).toMatchObject({ state: "creating", name: "orders", chainId: chain, kind: "topic" });
    expect(response.json().detail).toEqual({ nodes: [], isRooted: true });
    await finish(api, made.id);
    expect(await api.call("topics.get", { token, params: { ...params, topic: "orders" } })).toMatchObject({
      id: made.target.id,
      state: "ready",
    });
    await api.fail("topics.get", "resource.not_found", { token, params: { ...params, topic: "bills" } });
    const { params: other } = await network();
    await api.fail("topics.get", "resource.not_found", { token, params: { ...other, topic: made.target.id } });
    // Of another kind: channels are looked for among channels.
    await api.fail("channels.get", "resource.not_found", { token, params: { ...params, channel: made.target.id } });
  });

  it("200 in pages, newest first, without what is gone", async () => {
    const { params } = await network();
    for (const name of ["a", "b", "c"]) await finish(api, (await create(params, { name })).id);
    await create(params, { name: "d" });
    const deleting = await api.call("topics.delete", { token, params: { ...params, topic: "b" } });
    const names = async () => {
      const first = await api.call("topics.list", { token, params, query: { pageSize: "2" } });
      const pageToken = first.nextPageToken ?? "";
      const second = await api.call("topics.list", { token, params, query: { pageSize: "2", pageToken } });
      return [...first.items, ...second.items].map(({ name, state }) => `${name} ${state}`);
    };
    expect((await names()).sort()).toEqual(["a ready", "b deleting", "c ready", "d creating"]);
    await finish(api, deleting.id);
    expect((await names()).sort()).toEqual(["a ready", "c ready", "d creating"]);
    expect(await api.call("topics.get", { token, params: { ...params, topic: "b" } })).toMatchObject({
      state: "deleted",
      deletedAt: expect.any(String),
    });
  });
});

describe("topics.update", () => {
  it("202: given members replace, null goes back to the default, one change at a time", async () => {
    const { params } = await network();
    const made = await create(params, { name: "orders", settings: { retentionHours: 48, isRefused: true } });
    const topic = { ...params, topic: "orders" };
    const change = (settings: object, headers: { [name: string]: string } = {}) => ({
      ...{ token, params: topic, body: { settings }, headers },
    });
    const document = await api.fail("topics.update", "part.busy", change({ retentionHours: 72 }));
    expect(document.operationId).toBe(made.id);
    await finish(api, made.id);
    await api.fail("topics.update", "resource.stale", change({ retentionHours: 72 }, { "if-match": '"7"' }));
    const updated = await api.call("topics.update", change({ retentionHours: 72 }, { "if-match": '"1"' }));
    expect(updated).toMatchObject({ kind: "part.update", target: { id: made.target.id } });
    await finish(api, updated.id);
    await finish(api, (await api.call("topics.update", change({ isRefused: null }))).id);
    expect(await api.call("topics.get", { token, params: topic })).toMatchObject({
      settings: { retentionHours: 72, isRefused: false },
      generation: 3,
      state: "ready",
    });
    const wrong = await api.fail("topics.update", "part.settings_invalid", change({ color: "red" }));
    expect(wrong.errors?.[0]?.code).toBe("unrecognized_keys");
  });

  it("202: what needs attention goes on with other settings, as the operation that it was; a cancel still takes it back", async () => {
    const { chain, params } = await network();
    const made = await create(params, { name: "orders", settings: { isRefused: true } });
    const error = { code: "step.failed", message: "no", retryable: false };
    const getStuck = () =>
      system.operation.update({
        where: { id: made.id },
        data: { state: "needsAttention", startedAt: new Date(), error },
      });
    const topic = { ...params, topic: "orders" };
    const change = (settings: object) => ({ token, params: topic, body: { settings } });
    await getStuck();
    await system.chain.update({ where: { id: chain }, data: { dirty: false, nextAt: null } });
    const mended = await api.call("topics.update", change({ isRefused: false }));
    expect(mended).toMatchObject({ id: made.id, kind: "part.create", state: "running", done: false });
    expect(mended.error).toBeUndefined();
    const live = { targetId: made.target.id, state: { in: ["queued", "running", "needsAttention"] } };
    expect(await system.operation.findMany({ where: live })).toMatchObject([{ generation: 2, startedAt: null }]);
    expect(await partRow(made.target.id)).toMatchObject({ generation: 2, settings: { isRefused: false } });
    expect((await system.chain.findUniqueOrThrow({ where: { id: chain } })).nextAt).not.toBeNull();
    expect(await system.auditEvent.count({ where: { action: "topic.update", targetId: made.target.id } })).toBe(1);
    await api.fail("topics.update", "part.busy", change({ retentionHours: 72 }));

    await getStuck();
    await api.fail("topics.update", "part.settings_invalid", change({ color: "red" }));
    await api.call("operations.cancel", { token, params: { operation: made.id }, body: {} });
    expect(await partRow(made.target.id)).toMatchObject({ deletedAt: expect.any(Date) });
    await getStuck();
    await api.fail("topics.update", "part.busy", change({ retentionHours: 72 }));
  });

  it("cancel goes back to the former settings; of a creation to nothing", async () => {
    const { params } = await network();
    const made = await create(params, { name: "orders", settings: { hasRelay: true } });
    await finish(api, made.id);
    const topic = { ...params, topic: "orders" };
    const updated = await api.call("topics.update", { token, params: topic, body: { settings: { hasRelay: false } } });
    const cancelled = await api.call("operations.cancel", { token, params: { operation: updated.id }, body: {} });
    expect(cancelled).toMatchObject({ id: updated.id, state: "running", done: false });
    expect(await partRow(made.target.id)).toMatchObject({ settings: { hasRelay: true }, generation: 3 });
    expect(await system.operation.findUniqueOrThrow({ where: { id: updated.id } })).toMatchObject({
      generation: 3,
      isCancelling: true,
    });
    const other = await create(params, { name: "bills" });
    await api.call("operations.cancel", { token, params: { operation: other.id }, body: {} });
    expect(await partRow(other.target.id)).toMatchObject({ generation: 2, deletedAt: expect.any(Date) });
  });
});

describe("topics.delete", () => {
  it("202: takes the place of what runs, is idempotent, and can't be taken back", async () => {
    const { params } = await network();
    const made = await create(params, { name: "orders" });
    const topic = { ...params, topic: "orders" };
    const deleting = await api.call("topics.delete", { token, params: topic });
    expect(deleting).toMatchObject({ kind: "part.delete", target: { type: "topic", id: made.target.id } });
    expect(await api.call("operations.get", { token, params: { operation: made.id } })).toMatchObject({
      state: "cancelled",
      done: true,
    });
    expect((await api.call("topics.delete", { token, params: topic })).id).toBe(deleting.id);
    await api.fail("operations.cancel", "operation.not_cancellable", {
      token,
      params: { operation: deleting.id },
      body: {},
    });
    await finish(api, deleting.id);
    await api.fail("topics.delete", "part.deleted", { token, params: topic });
    await api.fail("topics.update", "part.deleted", { token, params: topic, body: { settings: {} } });
  });

  it("409: what the framework says is in use stays", async () => {
    const { params } = await network();
    await finish(api, (await create(params, { name: "system" })).id);
    const document = await api.fail("topics.delete", "resource.conflict", {
      token,
      params: { ...params, topic: "system" },
    });
    expect(document.detail).toContain("system");
    expect(toPartRoutes({ ...topicKind, deletable: false, update: "none" })).not.toHaveProperty("topics.delete");
  });
});

describe("a chain's end", () => {
  it("is that of its parts' operations", async () => {
    const { params } = await network();
    const made = await create(params, { name: "orders" });
    await api.call("chains.delete", { token, params });
    expect(await api.call("operations.get", { token, params: { operation: made.id } })).toMatchObject({
      state: "cancelled",
      steps: [{ state: "skipped" }, { state: "skipped" }],
    });
  });
});

describe("documents", () => {
  it("200: what the framework offers of a chain, its addresses in it; none where there is none", async () => {
    const { chain, params } = await network();
    await create(params, { name: "orders" });
    expect((await api.call("documents.list", { token, params })).items).toEqual([
      { name: "network.json", mediaType: "application/json", title: "The network and where it is called" },
    ]);
    const found = await api.call("documents.get", { token, params: { ...params, document: "network.json" } });
    expect(JSON.parse(found.content)).toMatchObject({
      topics: ["orders"],
      addresses: { http: { local: `http://127.0.0.1:4200/${chain}` } },
    });
    const get = (chainId: string, document: string) =>
      api.fail("documents.get", "resource.not_found", { token, params: { chain: chainId, document } });
    expect((await get(params.chain, "secrets.json")).hint).toBe("There are: network.json.");
    const anvil = await makeChain(api, token);
    expect((await api.call("documents.list", { token, params: { chain: anvil.chainId } })).items).toEqual([]);
    expect((await get(anvil.chainId, "network.json")).hint).toContain("once its keys and files are made");
  });
});

describe("the description of the API", () => {
  it("has the routes of an added framework's parts too, with their settings", async () => {
    const document = (await api.app.inject("/openapi.json")).json();
    const { post } = document.paths["/v1/chains/{chain}/topics"];
    expect(post.operationId).toBe("topics.create");
    expect(JSON.stringify(post.requestBody)).toContain("TopicSettings");
    expect(document.components.schemas.TopicSettings.properties.retentionHours).toMatchObject({ maximum: 8_760 });
    expect(JSON.stringify(document.paths["/v1/chains/{chain}/channels"].post.requestBody)).toContain("ChannelSettings");
  });
});
