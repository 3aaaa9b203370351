import { describe, expect, it } from "vitest";
import { makeChain, startApi } from "./harness.ts";

const api = await startApi();
const { token } = await api.signUp();
const { system } = api.deps.clients;

/** What a worker would write when an operation has reached its end. */
const finish = async (operationId: string, state: "succeeded" | "needsAttention" | "cancelled" = "succeeded") => {
  const operation = await system.operation.findUniqueOrThrow({ where: { id: operationId } });
  const isOver = state !== "needsAttention";
  await system.operation.update({
    where: { id: operationId },
    data: {
      state,
      progress: isOver ? 1 : 0.5,
      version: { increment: 1 },
      ...(isOver
        ? { endedAt: new Date() }
        : { error: { code: "node.failed_to_start", message: "no", hint: "h", retryable: true } }),
    },
  });
  const { generation } = await system.chain.findUniqueOrThrow({ where: { id: operation.targetId } });
  if (isOver)
    await system.chain.update({
      where: { id: operation.targetId },
      data: { observedGeneration: generation, nextAt: null },
    });
};
const chainRow = (id: string) => system.chain.findUniqueOrThrow({ where: { id } });
const running = async (plan = "standard") => {
  const made = await makeChain(api, token, { plan });
  await finish(made.operation.id);
  return { ...made, params: { chain: made.chainId } };
};

describe("wishes", () => {
  it("raise the generation, are due at once and tell gateways by a new route version", async () => {
    const { params, chainId } = await running();
    const before = await chainRow(chainId);
    const response = await api.send("chains.pause", { token, params, body: {} });
    expect(response.statusCode).toBe(202);
    expect(response.headers.location).toBe(`/v1/operations/${response.json().id}`);
    const row = await chainRow(chainId);
    expect(row).toMatchObject({
      wish: "paused",
      generation: before.generation + 1,
      routeVersion: before.routeVersion + 1n,
    });
    expect(row.nextAt).not.toBeNull();
    expect(api.wakes.at(-1)).toContain(chainId);
  });

  it("conflict with what runs: 409 with the running operation's id", async () => {
    const { params } = await running();
    const operation = await api.call("chains.pause", { token, params, body: {} });
    for (const id of ["chains.pause", "chains.resume"] as const) {
      const document = await api.fail(id, "chain.busy", { token, params, body: {} });
      expect(document.operationId).toBe(operation.id);
    }
    await finish(operation.id);
    await api.fail("chains.pause", "chain.wrong_phase", { token, params, body: {} });
    const resumed = await api.call("chains.resume", { token, params, body: {} });
    expect(resumed.kind).toBe("chain.resume");
  });

  it("let exactly one of many at once through", async () => {
    const { params, chainId } = await running();
    const answers = await Promise.all(
      Array.from({ length: 20 }, () => api.send("chains.pause", { token, params, body: {} })),
    );
    expect(answers.filter(({ statusCode }) => statusCode === 202)).toHaveLength(1);
    expect(answers.filter(({ statusCode }) => statusCode === 409)).toHaveLength(19);
    expect((await chainRow(chainId)).generation).toBe(2);
  });

  it("to delete supersede whatever else runs, and are idempotent", async () => {
    const { params, operation, chainId } = { ...(await makeChain(api, token)), params: {} as { chain: string } };
    params.chain = chainId;
    const deleting = await api.call("chains.delete", { token, params });
    expect(deleting.kind).toBe("chain.delete");
    expect(await api.call("operations.get", { token, params: { operation: operation.id } })).toMatchObject({
      state: "cancelled",
      done: true,
    });
    expect((await api.call("chains.delete", { token, params })).id).toBe(deleting.id);
    expect(await api.call("chains.get", { token, params })).toMatchObject({
      endpoints: [],
      deletedAt: expect.any(String),
    });
    await api.fail("chains.pause", "chain.deleted", { token, params, body: {} });
    await finish(deleting.id);
    // The plan dev has no recovery window: nothing may hint at one.
    const document = await api.fail("chains.delete", "chain.deleted", { token, params });
    expect(document.hint).toBe("Make a new chain.");
  });

  it("bring a deleted chain back inside the window, and only there", async () => {
    const standard = await running("standard");
    await api.fail("chains.restore", "chain.wrong_phase", { token, params: standard.params, body: {} });
    const deleting = await api.call("chains.delete", { token, params: standard.params });
    await api.fail("chains.restore", "chain.busy", { token, params: standard.params, body: {} });
    await finish(deleting.id);
    const gone = await api.fail("chains.pause", "chain.deleted", { token, params: standard.params, body: {} });
    expect(gone.hint).toContain("/restore brings it back");
    const backup = { backup: "bkp_00000000000000000000000000" };
    await api.fail("chains.restore", "resource.not_found", { token, params: standard.params, body: backup });
    const restored = await api.call("chains.restore", { token, params: standard.params, body: {} });
    expect(restored.kind).toBe("chain.restore");
    expect(await chainRow(standard.chainId)).toMatchObject({ wish: "running", deletedAt: null, purgeAt: null });

    const late = await running("standard");
    await finish((await api.call("chains.delete", { token, params: late.params })).id);
    await system.chain.update({ where: { id: late.chainId }, data: { purgeAt: new Date(Date.now() - 1000) } });
    await api.fail("chains.restore", "chain.not_restorable", { token, params: late.params, body: {} });

    const dev = await running("dev");
    await finish((await api.call("chains.delete", { token, params: dev.params })).id);
    const document = await api.fail("chains.restore", "chain.not_restorable", { token, params: dev.params, body: {} });
    expect(document.hint).toBeDefined();
  });
});

describe("cancel", () => {
  it("of a create deletes, under the same operation", async () => {
    const { operation, chainId } = await makeChain(api, token);
    const answer = await api.call("operations.cancel", { token, params: { operation: operation.id }, body: {} });
    expect(answer).toMatchObject({ id: operation.id, done: false });
    expect(await chainRow(chainId)).toMatchObject({ wish: "deleted", generation: 2 });
    expect(await system.operation.findUniqueOrThrow({ where: { id: operation.id } })).toMatchObject({
      isCancelling: true,
      generation: 2,
    });
    await api.call("operations.cancel", { token, params: { operation: operation.id }, body: {} });
    expect((await chainRow(chainId)).generation).toBe(2);
  });

  it("of a pause goes back to running", async () => {
    const { params, chainId } = await running();
    const pausing = await api.call("chains.pause", { token, params, body: {} });
    await api.call("operations.cancel", { token, params: { operation: pausing.id }, body: {} });
    expect(await chainRow(chainId)).toMatchObject({ wish: "running", generation: 3 });
  });

  it("of what has ended, or of a delete, is refused with a reason", async () => {
    const { operation, params } = await running();
    await api.fail("operations.cancel", "operation.not_cancellable", {
      token,
      params: { operation: operation.id },
      body: {},
    });
    const deleting = await api.call("chains.delete", { token, params });
    const document = await api.fail("operations.cancel", "operation.not_cancellable", {
      token,
      params: { operation: deleting.id },
      body: {},
    });
    expect(document.hint).toContain("Restore");
  });
});

describe("retry", () => {
  it("gives an operation that needs attention fresh patience", async () => {
    const { operation, chainId } = await makeChain(api, token);
    const params = { operation: operation.id };
    await api.fail("operations.retry", "operation.not_retryable", { token, params, body: {} });
    await finish(operation.id, "needsAttention");
    await system.chain.update({
      where: { id: chainId },
      data: { attempts: 9, nextAt: new Date(Date.now() + 3_600_000) },
    });
    const answer = await api.call("operations.retry", { token, params, body: {} });
    expect(answer).toMatchObject({ state: "running" });
    expect(answer.error).toBeUndefined();
    const row = await chainRow(chainId);
    expect(row.attempts).toBe(0);
    expect(row.nextAt?.getTime()).toBeLessThanOrEqual(Date.now());
  });
});

describe("waiting", () => {
  it("holds the answer until the operation is done, for many at once", async () => {
    const { operation } = await makeChain(api, token);
    const params = { operation: operation.id };
    const began = performance.now();
    const waiting = Array.from({ length: 50 }, () =>
      api.call("operations.get", { token, params, query: { wait: "20" } }),
    );
    setTimeout(() => void finish(operation.id), 300);
    const answers = await Promise.all(waiting);
    expect(new Set(answers.map(({ state }) => state))).toEqual(new Set(["succeeded"]));
    expect(performance.now() - began).toBeGreaterThan(290);
    expect(performance.now() - began).toBeLessThan(15_000);
  });

  it("answers what is there when the time is up", async () => {
    const { operation } = await makeChain(api, token);
    const began = performance.now();
    const answer = await api.call("operations.get", {
      token,
      params: { operation: operation.id },
      query: { wait: "1" },
    });
    expect(answer.done).toBe(false);
    expect(performance.now() - began).toBeGreaterThan(900);
  });

  it("streams each change as an event and ends with the last", async () => {
    const { operation } = await makeChain(api, token);
    const params = { operation: operation.id };
    const response = await api.app.inject({
      url: `/v1/operations/${operation.id}/events`,
      headers: { authorization: `Bearer ${token}` },
      payloadAsStream: true,
    });
    expect(response.headers["content-type"]).toContain("text/event-stream");
    // What happens next happens once the former state has been told.
    const next = [() => finish(operation.id, "needsAttention"), () => finish(operation.id)];
    let text = "";
    for await (const chunk of response.stream()) {
      text += String(chunk);
      if (text.match(/^data: .*$/gm)?.length === 3 - next.length) await next.shift()?.();
    }
    const events = text.trim().split("\n\n");
    const states = events.map((text) => JSON.parse(/^data: (.*)$/m.exec(text)?.[1] ?? "{}").state);
    expect(states).toEqual(["queued", "needsAttention", "succeeded"]);
    expect(events.at(-1)).toContain("event: done");
    const again = await api.send("operations.events", { token, params, headers: { "last-event-id": "1" } });
    expect(again.body.match(/event: done/g)).toHaveLength(1);
  });
});

describe("logs", () => {
  const withNode = async () => {
    const made = await makeChain(api, token);
    const placement = await system.placement.findFirstOrThrow({ where: { chainId: made.chainId } });
    const { tenantId, chainId, id: placementId } = placement;
    const node = {
      id: api.deps.ids.next("node"),
      tenantId,
      chainId,
      placementId,
      name: "node-0",
      role: "node",
      ordinal: 0,
      region: "local",
      version: "1",
    };
    await system.node.create({ data: node });
    return made;
  };

  it("are answered by the worker that owns the node", async () => {
    const { chainId } = await withNode();
    const asked = api.call("chains.logs", { token, params: { chain: chainId }, query: { limit: "5" } });
    let request = null;
    while (request === null) request = await system.logRequest.findFirst({ where: { answeredAt: null } });
    expect(request).toMatchObject({ node: "node-0", region: "local", limit: 5 });
    const lines = [{ at: new Date().toISOString(), process: "anvil", line: "Listening" }];
    await system.logRequest.update({ where: { id: request.id }, data: { lines, answeredAt: new Date() } });
    expect(await asked).toEqual({ node: "node-0", lines });
    expect(await system.logRequest.count({ where: { id: request.id } })).toBe(0);
  });

  it("say so when no worker answers", async () => {
    const { chainId } = await withNode();
    await api.fail("chains.logs", "region.unreachable", { token, params: { chain: chainId } });
    await api.fail("chains.logs", "resource.not_found", {
      token,
      params: { chain: chainId },
      query: { node: "other-9" },
    });
    expect(await system.logRequest.count()).toBe(0);
    expect((await api.call("chains.nodes", { token, params: { chain: chainId } })).items[0]?.name).toBe("node-0");
  });
});
