import { describe, expect, it } from "vitest";
import { makeChain, startApi } from "./harness.ts";

const api = await startApi();
const { token } = await api.signUp();
const { id: appId } = await api.call("apps.create", { token, body: { name: "shop" } });
const chain = { appId, name: "ledger", framework: "anvil", plan: "dev", regions: ["local"], settings: {} };

const raw = (payload: string | Buffer, contentType = "application/json") =>
  api.app.inject({
    method: "POST",
    url: "/v1/apps",
    headers: { authorization: `Bearer ${token}`, "content-type": contentType },
    payload,
  });

describe("bodies", () => {
  it.each<[string, string | Buffer, string, number, string]>([
    ["malformed JSON", '{"name":', "application/json", 400, "request.invalid"],
    ["a prototype", '{"name":"x","__proto__":{"a":1}}', "application/json", 400, "request.invalid"],
    ["no JSON", "name=x", "application/x-www-form-urlencoded", 415, "request.unsupported_media_type"],
    ["text", '{"name":"x"}', "text/plain", 415, "request.unsupported_media_type"],
    ["too much", JSON.stringify({ name: "x".repeat(300_000) }), "application/json", 413, "request.too_large"],
    ["an array", "[]", "application/json", 400, "request.invalid"],
    ["a number", "7", "application/json", 400, "request.invalid"],
    ["null", "null", "application/json", 400, "request.invalid"],
    ["nothing", "", "application/json", 400, "request.invalid"],
    ["bytes that are not UTF-8", Buffer.from([0x7b, 0x22, 0xff, 0xfe]), "application/json", 400, "request.invalid"],
    ["depth", `{"name":${"[".repeat(50_000)}${"]".repeat(50_000)}}`, "application/json", 400, "request.invalid"],
  ])("of %s are refused", async (_name, payload, type, status, code) => {
    const response = await raw(payload, type);
    expect(response.statusCode, response.body).toBe(status);
    expect(response.json()).toMatchObject({ code, requestId: response.headers["x-request-id"] });
    expect(response.headers["content-type"]).toContain("application/problem+json");
  });

  it("name each unknown and each wrong member by its path", async () => {
    const body = { ...chain, color: "blue", regions: ["local", 7] };
    const document = await api.fail("chains.create", "request.invalid", { token, body });
    expect(document.detail).toMatch(/^color: is not known here; regions\.1: /);
    expect(document.errors).toEqual(
      expect.arrayContaining([
        { path: "color", code: "unknown", message: "is not known here" },
        expect.objectContaining({ path: "regions.1" }),
      ]),
    );
  });

  it("may be left out where nothing must be said", async () => {
    const { chainId } = await makeChain(api, token);
    const response = await api.send("chains.pause", { token, params: { chain: chainId } });
    expect(response.json().code).toBe("chain.busy");
  });
});

describe("text", () => {
  it.each(["日本語のアプリ", "👩🏽‍🚀 team", "مرحبا بالعالم", "Ünïcödé", "'; drop table apps; --", "a\u0301b"])(
    "keeps the name %s",
    async (name) => {
      const made = await api.call("apps.create", { token, body: { name } });
      expect((await api.call("apps.get", { token, params: { app: made.id } })).name).toBe(name.normalize("NFC"));
    },
  );

  it.each(["", "   ", "\u0000", "a\u0000b", "\ud800", "a\u202eb", "\u200b", "x".repeat(101), "line\nbreak"])(
    "refuses the name %j",
    async (name) => {
      await api.fail("apps.create", "request.invalid", { token, body: { name } });
    },
  );

  it.each([{ accounts: "\u0000" }, { "\u0000": 1 }, { "\ud800": 1 }, { hardfork: "\udc00" }])(
    "refuses settings that can't be stored: %j",
    async (settings) => {
      await api.fail("chains.create", "request.invalid", { token, body: { ...chain, settings } });
    },
  );
});

describe("a chain", () => {
  it.each([
    ["framework.unknown", { framework: "nochain" }],
    ["plan.unknown", { plan: "gold" }],
    ["region.unknown", { regions: ["mars"] }],
    ["request.invalid", { regions: [] }],
    ["request.invalid", { regions: ["local", "local"] }],
    ["request.invalid", { version: "0.0.1" }],
    ["request.invalid", { hosting: "shared" }],
    ["chain.settings_invalid", { settings: { accounts: 0 } }],
    ["chain.settings_invalid", { settings: { unknownSetting: true } }],
    ["address.forbidden", { settings: { fork: { network: "mainnet", blockNumber: 1 } } }],
    ["resource.not_found", { appId: "app_00000000000000000000000000" }],
  ] as const)("is refused with %s for %j, and nothing is made", async (code, change) => {
    const before = await api.deps.clients.system.chain.count();
    for (const operation of ["chains.create", "chains.quote"] as const) {
      const document = await api.fail(operation, code, { token, body: { ...chain, ...change } });
      if (code === "chain.settings_invalid") expect(document.errors?.[0]?.path).toMatch(/^settings/);
    }
    expect(await api.deps.clients.system.chain.count()).toBe(before);
  });

  it("that forks an address inside is refused before anything dials it", async () => {
    const settings = { fork: { network: "http://169.254.169.254/", blockNumber: 1 } };
    await api.fail("chains.create", "chain.settings_invalid", { token, body: { ...chain, settings } });
  });

  it("is denied on the domestic portal by rule, with the verdict kept", async () => {
    const domestic = await api.signUp({ portal: "domestic", country: "CN" });
    const { id } = await api.call("apps.create", { token: domestic.token, body: { name: "closed" } });
    const body = { ...chain, appId: id };
    const denied = await api.fail("chains.create", "policy.denied", { token: domestic.token, body });
    expect(denied.rule).toBe("domestic.test-currency");
    const quote = await api.call("chains.quote", { token: domestic.token, body });
    expect(quote).toMatchObject({
      allowed: false,
      reasons: [{ rule: "domestic.test-currency", verdict: "deny" }],
      cost: { perMonth: { currency: "CNY" } },
    });
    const decisions = await api.call("decisions.list", { token: domestic.token });
    expect(decisions.items.map(({ id: decision }) => decision)).toContain(denied.decisionId);
    expect((await api.call("chains.list", { token: domestic.token })).items).toEqual([]);
  });
});

describe("addresses and lists", () => {
  it("answers unknown paths and methods with a problem", async () => {
    for (const [method, url] of [
      ["GET", "/v1/nothing"],
      ["PUT", "/v1/apps"],
      ["GET", "//"],
      ["POST", "/"],
      ["GET", "/v1/chains/%E0%A4%A"],
    ] as const) {
      const response = await api.app.inject({ method, url, headers: { authorization: `Bearer ${token}` } });
      expect([400, 404]).toContain(response.statusCode);
      expect(response.headers["content-type"]).toContain("application/problem+json");
      expect(response.json().requestId).toMatch(/^req_/);
    }
  });

  it.each([
    { pageSize: "0" },
    { pageSize: "201" },
    { pageSize: "many" },
    { pageToken: "%00" },
    { pageToken: "bm9uc2Vuc2U" },
    { pageToken: Buffer.from("opr_00000000000000000000000000").toString("base64url") },
    { unknown: "1" },
  ] as { [name: string]: string }[])("refuses the query %j", async (query) => {
    const document = await api.fail("apps.list", "request.invalid", { token, query });
    expect(document.errors?.[0]?.path).toMatch(/^query/);
  });

  it("walks a list by its tokens, each item once", async () => {
    const own = await api.signUp();
    for (const name of ["a", "b", "c", "d", "e"]) await api.call("apps.create", { token: own.token, body: { name } });
    const names: string[] = [];
    let pageToken: string | null = null;
    do {
      const query: { [name: string]: string } = { pageSize: "2", ...(pageToken === null ? {} : { pageToken }) };
      const page = await api.call("apps.list", { token: own.token, query });
      names.push(...page.items.map(({ name }) => name));
      pageToken = page.nextPageToken;
    } while (pageToken !== null);
    expect(names).toEqual(["e", "d", "c", "b", "a"]);
  });
});

describe("apps", () => {
  it("are changed only in the version that was read", async () => {
    const made = await api.send("apps.create", { token, body: { name: "before" } });
    const params = { app: made.json().id };
    const etag = String(made.headers.etag);
    const changed = await api.send("apps.update", {
      token,
      params,
      body: { name: "after" },
      headers: { "if-match": etag },
    });
    expect(changed.json().name).toBe("after");
    await api.fail("apps.update", "resource.stale", {
      token,
      params,
      body: { name: "late" },
      headers: { "if-match": etag },
    });
    await api.call("apps.update", {
      token,
      params,
      body: { name: "late" },
      headers: { "if-match": String(changed.headers.etag) },
    });
  });

  it("are not closed while a chain is there, and end their keys when they are", async () => {
    const { appId: app } = await makeChain(api, token);
    await api.fail("apps.close", "app.has_chains", { token, params: { app } });
    const { id } = await api.call("apps.create", { token, body: { name: "short" } });
    await api.call("keys.create", { token, params: { app: id }, body: { name: "k", scopes: ["rpc"] } });
    expect((await api.call("apps.close", { token, params: { app: id } })).state).toBe("closed");
    expect((await api.call("keys.list", { token, params: { app: id } })).items[0]?.revokedAt).not.toBeNull();
    await api.fail("keys.create", "app.closed", { token, params: { app: id }, body: { name: "k", scopes: ["rpc"] } });
    await api.fail("chains.create", "app.closed", { token, body: { ...chain, appId: id } });
  });

  it("have at most ten live keys", async () => {
    const { id: app } = await api.call("apps.create", { token, body: { name: "keys" } });
    const make = () => api.send("keys.create", { token, params: { app }, body: { name: "k", scopes: ["rpc"] } });
    const made = await Promise.all(Array.from({ length: 14 }, make));
    expect(made.filter(({ statusCode }) => statusCode === 201)).toHaveLength(10);
    expect(made.find(({ statusCode }) => statusCode !== 201)?.json().code).toBe("key.limit");
    const key = made.find(({ statusCode }) => statusCode === 201)?.json().id;
    await api.call("keys.revoke", { token, params: { app, key } });
    expect((await make()).statusCode).toBe(201);
  });
});
