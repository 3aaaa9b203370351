import { expect, expectTypeOf, test } from "vitest";
import { createPortolan, type PortolanSettings } from "./create-portolan.ts";
import { listAll } from "./list-all.ts";
import { PortolanError, UnreachableError } from "./portolan-error.ts";
import { OperationTimeoutError } from "./wait-for-operation.ts";

const appId = `app_${"0".repeat(26)}`;
const operationId = `opr_${"0".repeat(26)}`;
const at = "2026-11-23T00:00:00.000Z";
const app = { id: appId, name: "shop", state: "active", createdAt: at, updatedAt: at };

type Reply = Response | Error;
const json = (status: number, body: unknown, headers: Record<string, string> = {}) =>
  new Response(JSON.stringify(body), { status, headers: { "content-type": "application/json", ...headers } });
const refusal = (status: number, code: string, headers: Record<string, string> = {}) =>
  json(
    status,
    { type: "t", title: "T", status, detail: "No.", code, hint: "Do.", requestId: "req_1", operationId },
    headers,
  );

const setUp = (replies: Reply[], settings: Partial<PortolanSettings> = {}) => {
  const calls: { url: string; method: string; headers: Record<string, string>; body: unknown }[] = [];
  const pauses: number[] = [];
  const client = createPortolan({
    baseUrl: "http://plane/",
    token: "t1",
    random: () => 1,
    sleep: async (ms) => pauses.push(ms),
    fetch: async (url, init) => {
      const headers = Object.fromEntries(new Headers(init.headers).entries());
      const body = typeof init.body === "string" ? JSON.parse(init.body) : undefined;
      calls.push({ url, method: init.method ?? "", headers, body });
      const reply = replies.shift();
      if (reply === undefined) throw new Error("no further call was expected");
      if (reply instanceof Error) throw reply;
      return reply;
    },
    ...settings,
  });
  return { client, calls, pauses };
};
const down = () => new TypeError("fetch failed", { cause: Object.assign(new Error("x"), { code: "ECONNREFUSED" }) });

test("a call is typed and sent as the route says", async () => {
  const { client, calls } = setUp([json(201, app), json(200, { items: [app], nextPageToken: null })]);
  const made = await client.call("apps.create", { body: { name: "shop" }, idempotencyKey: "k" });
  expectTypeOf(made.state).toEqualTypeOf<"active" | "suspended" | "closed">();
  await client.apps.list({ query: { pageSize: 2 } });
  expect(calls).toMatchObject([
    {
      url: "http://plane/v1/apps",
      method: "POST",
      headers: { authorization: "Bearer t1", "idempotency-key": "k", "content-type": "application/json" },
      body: { name: "shop" },
    },
    { url: "http://plane/v1/apps?pageSize=2", method: "GET", body: undefined },
  ]);
});

test("what a route needs is needed by its types", () => {
  const { client } = setUp([]);
  const neverCalled = () => {
    // @ts-expect-error a body is required
    void client.apps.create();
    // @ts-expect-error the path parameter is required
    void client.chains.pause();
    // @ts-expect-error an unknown member
    void client.apps.create({ body: { title: "x" } });
    void client.chains.pause({ params: { chain: "chn_x" } });
    void client.me.get();
  };
  expect(neverCalled).toBeTypeOf("function");
});

test("an id is escaped in the path, and a public route carries no credential", async () => {
  const { client, calls } = setUp([json(200, app), refusal(401, "credential.invalid")]);
  await client.apps.get({ params: { app: "a/../b?c" } });
  await client.sessions.create({ body: { email: "a@b.c", password: "p" } }).catch(() => undefined);
  expect(calls[0]?.url).toBe("http://plane/v1/apps/a%2F..%2Fb%3Fc");
  expect(calls[1]?.headers["authorization"]).toBeUndefined();
});

test("a problem becomes a PortolanError with all that it says", async () => {
  const { client } = setUp([refusal(409, "chain.busy", { "retry-after": "3" })]);
  const error = await client.chains.pause({ params: { chain: "c" } }).catch((caught: unknown) => caught);
  expect(error).toBeInstanceOf(PortolanError);
  expect(error).toMatchObject({
    status: 409,
    code: "chain.busy",
    message: "No.",
    hint: "Do.",
    requestId: "req_1",
    retryAfterMs: 3000,
    meta: { operationId },
  });
});

test("an answer that is no problem document is still an error", async () => {
  const { client } = setUp([new Response("<html>", { status: 502 })]);
  await expect(client.me.get()).rejects.toMatchObject({ status: 502, code: "http.502" });
});

test("a read is repeated after a network failure and a 503, with Retry-After respected", async () => {
  const { client, calls, pauses } = setUp([
    down(),
    refusal(503, "unavailable", { "retry-after": "2" }),
    json(200, app),
  ]);
  await client.apps.get({ params: { app: appId } });
  expect(calls).toHaveLength(3);
  expect(pauses).toEqual([200, 2000]);
});

test("a POST is repeated only with an Idempotency-Key, and with the same one", async () => {
  const without = setUp([down()]);
  await expect(without.client.apps.create({ body: { name: "x" } })).rejects.toBeInstanceOf(UnreachableError);
  expect(without.calls).toHaveLength(1);
  const with_ = setUp([down(), refusal(409, "idempotency.in_flight"), json(201, app)]);
  await with_.client.apps.create({ body: { name: "x" }, idempotencyKey: "k" });
  expect(with_.calls.map((call) => call.headers["idempotency-key"])).toEqual(["k", "k", "k"]);
});

test("neither a refusal nor a delete is repeated", async () => {
  const refused = setUp([refusal(403, "policy.denied")]);
  await expect(refused.client.me.get()).rejects.toMatchObject({ code: "policy.denied" });
  const deleted = setUp([down()]);
  await expect(deleted.client.chains.delete({ params: { chain: "c" } })).rejects.toThrow("ECONNREFUSED");
  expect(deleted.calls).toHaveLength(1);
});

test("an expired token is exchanged once for calls that expire together", async () => {
  const pairs: unknown[] = [];
  const fresh = { token: "t2", refreshToken: "r2", expiresAt: at };
  let refreshes = 0;
  const shared = createPortolan({
    baseUrl: "http://plane",
    token: "old",
    refreshToken: "r1",
    onSession: (pair) => void pairs.push(pair),
    fetch: async (url, init) => {
      if (url.endsWith("/refresh")) {
        refreshes += 1;
        await new Promise((resolve) => setImmediate(resolve));
        return json(201, fresh);
      }
      const sent = new Headers(init.headers).get("authorization");
      return sent === "Bearer t2" ? json(200, app) : refusal(401, "credential.expired");
    },
  });
  await Promise.all([1, 2, 3].map(() => shared.apps.get({ params: { app: appId } })));
  expect(refreshes).toBe(1);
  expect(pairs).toEqual([fresh]);
});

test("an operation is followed until it is done, and each change is told once", async () => {
  const operation = (state: string, progress: number) =>
    json(200, {
      id: operationId,
      kind: "chain.create",
      target: { type: "chain", id: "c" },
      state,
      done: state === "succeeded",
      progress,
      steps: [],
      createdAt: at,
    });
  const { client } = setUp([operation("running", 0), operation("running", 0), operation("succeeded", 1)]);
  const seen: number[] = [];
  const last = await client.waitForOperation(operationId, { onProgress: ({ progress }) => void seen.push(progress) });
  expect(last.state).toBe("succeeded");
  expect(seen).toEqual([0, 1]);
  const stuck = setUp([operation("needsAttention", 0.5)]);
  expect((await stuck.client.waitForOperation(operationId)).state).toBe("needsAttention");
  const slow = setUp([operation("running", 0)], { now: () => 0 });
  await expect(slow.client.waitForOperation(operationId, { timeoutMs: 0 })).rejects.toBeInstanceOf(
    OperationTimeoutError,
  );
});

test("validate finds an answer outside its schema", async () => {
  const { client } = setUp([json(200, { ...app, state: "odd" })], { validate: true });
  await expect(client.apps.get({ params: { app: appId } })).rejects.toThrow("state");
});

test("a list is read to its end", async () => {
  const { client, calls } = setUp([
    json(200, { items: [app], nextPageToken: "p2" }),
    json(200, { items: [app], nextPageToken: null }),
  ]);
  const found: unknown[] = [];
  for await (const item of listAll((position) => client.apps.list({ query: position }))) found.push(item);
  expect(found).toHaveLength(2);
  expect(calls[1]?.url).toContain("pageToken=p2");
});

test("parts of a chain are typed by their settings", async () => {
  const chain = `chn_${"0".repeat(26)}`;
  const made = { id: operationId, kind: "part.create", target: { type: "channel", id: "cha_1" }, state: "queued" };
  const { client, calls } = setUp([json(202, made), json(200, { id: "cha_1", name: "trade", state: "ready" })]);
  const operation = await client.channels.create({
    params: { chain },
    body: { name: "trade", settings: { batch: { timeoutMs: 500 } } },
  });
  expectTypeOf(operation.done).toEqualTypeOf<boolean>();
  const channel = await client.channels.get({ params: { chain, channel: "trade" } });
  expectTypeOf(channel.state).toEqualTypeOf<"creating" | "ready" | "updating" | "deleting" | "deleted">();
  expectTypeOf(client.identities.delete).toBeFunction();
  expect(calls).toMatchObject([
    { method: "POST", url: `http://plane/v1/chains/${chain}/channels` },
    { method: "GET", url: `http://plane/v1/chains/${chain}/channels/trade` },
  ]);
});
