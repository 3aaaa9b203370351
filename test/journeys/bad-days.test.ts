import { randomUUID } from "node:crypto";
import { existsSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Checkout, checkoutWithout } from "../support/checkout-without.ts";
import { type Customer, chainBody, createChain, finish, newAccount, signUp } from "../support/customer.ts";
import { postRaw, rpc } from "../support/json-rpc.ts";
import { type Plane, startPlane } from "../support/plane.ts";
import { createRest, type RestAnswer } from "../support/rest.ts";
import { rowCounts, untilQuiet } from "../support/row-counts.ts";
import { until } from "../support/until.ts";

let plane: Plane;
let customer: Customer;
let stranger: Customer;

beforeAll(async () => {
  plane = await startPlane({
    env: {
      PORTOLAN_FORKS: JSON.stringify([{ name: "inside", url: "http://169.254.169.254/", chainId: 1 }]),
    },
  });
  customer = await signUp(plane);
  stranger = await signUp(plane);
});
afterAll(() => plane?.stop());

/** RFC 9457, with our code and whatever tells the caller what to do. */
const expectProblem = (answer: RestAnswer, status: number, code: string): void => {
  expect(answer.body).toMatchObject({ status, code, title: expect.any(String), detail: expect.any(String) });
  expect(answer.status).toBe(status);
  expect(answer.headers.get("content-type")).toMatch(/^application\/problem\+json/);
  expect(answer.body["requestId"]).toBe(answer.headers.get("x-request-id"));
};

/** Whatever happens in `work`, it makes and changes no row. */
const changingNothing = async (work: () => Promise<void>): Promise<void> => {
  await untilQuiet(plane);
  const before = await rowCounts(plane);
  await work();
  expect(await rowCounts(plane)).toEqual(before);
};

const post = (path: string, body: unknown, headers: { [name: string]: string } = {}) =>
  customer.rest("POST", path, { token: customer.token, body, headers });

describe("bad input", () => {
  const cases: [string, (good: Record<string, unknown>) => unknown, number, string][] = [
    ["a name that is a number", (good) => ({ ...good, name: 7 }), 400, "request.invalid"],
    ["regions that are a text", (good) => ({ ...good, regions: "local" }), 400, "request.invalid"],
    ["no regions", (good) => ({ ...good, regions: [] }), 400, "request.invalid"],
    ["the same region twice", (good) => ({ ...good, regions: ["local", "local"] }), 400, "request.invalid"],
    ["an unknown field", (good) => ({ ...good, colour: "red" }), 400, "request.invalid"],
    [
      "a prototype's name as a field",
      (good) => `${JSON.stringify(good).slice(0, -1)},"__proto__":{}}`,
      400,
      "request.invalid",
    ],
    ["a list", () => [], 400, "request.invalid"],
    ["no JSON", () => "{", 400, "request.invalid"],
    ["null", () => "null", 400, "request.invalid"],
    ["an unknown framework", (good) => ({ ...good, framework: "nothing" }), 400, "framework.unknown"],
    ["an inherited name as framework", (good) => ({ ...good, framework: "constructor" }), 400, "framework.unknown"],
    ["an unknown plan", (good) => ({ ...good, plan: "gold" }), 400, "plan.unknown"],
    ["an unknown region", (good) => ({ ...good, regions: ["atlantis"] }), 400, "region.unknown"],
    ["an unknown setting", (good) => ({ ...good, settings: { colour: "red" } }), 422, "chain.settings_invalid"],
    ["a setting out of bounds", (good) => ({ ...good, settings: { accounts: 1e6 } }), 422, "chain.settings_invalid"],
    [
      "a setting of a wrong type",
      (good) => ({ ...good, settings: { blockTimeSeconds: "1" } }),
      422,
      "chain.settings_invalid",
    ],
    ["an id of another kind", (good) => ({ ...good, appId: customer.tenantId }), 400, "request.invalid"],
    [
      "an app that does not exist",
      (good) => ({ ...good, appId: "app_00000000000000000000000000" }),
      404,
      "resource.not_found",
    ],
    ["another tenant's app", (good) => ({ ...good, appId: stranger.appId }), 404, "resource.not_found"],
  ];

  it.each(cases)("%s is refused, and nothing is made", async (_what, spoil, status, code) => {
    await changingNothing(async () => {
      expectProblem(await post("/v1/chains", spoil(chainBody(customer))), status, code);
    });
  });

  it("a body that is too big, of another media type, or compressed is refused", async () => {
    await changingNothing(async () => {
      const big = { ...chainBody(customer), settings: { pad: "x".repeat(2_000_000) } };
      expectProblem(await post("/v1/chains", big), 413, "request.too_large");
      const text = JSON.stringify(chainBody(customer));
      expectProblem(
        await post("/v1/chains", text, { "content-type": "text/plain" }),
        415,
        "request.unsupported_media_type",
      );
    });
  });

  it("nesting and long keys within the size are refused or ignored, never a 500", async () => {
    await changingNothing(async () => {
      const deep = `{"appId":"${customer.appId}","name":"n","framework":"anvil","plan":"dev","regions":["local"],"settings":${'{"a":'.repeat(20_000)}1${"}".repeat(20_000)}}`;
      const answer = await post("/v1/chains", deep);
      expect([400, 413, 422]).toContain(answer.status);
    });
  });

  it("wrong query parameters and unknown paths say so", async () => {
    const get = (path: string) => customer.rest("GET", path, { token: customer.token });
    expectProblem(await get("/v1/chains?pageSize=1000"), 400, "request.invalid");
    expectProblem(await get("/v1/chains?colour=red"), 400, "request.invalid");
    expectProblem(await get("/v1/chains?pageToken=%00"), 400, "request.invalid");
    expectProblem(await get("/v1/nothing"), 404, "request.not_found");
    expectProblem(await get("/v1/chains/../../etc/passwd"), 404, "request.not_found");
    expectProblem(await get(`/v1/chains/${"a".repeat(3_000)}`), 404, "request.not_found");
  });

  it("without a credential, with rubbish, or with another kind's: 401", async () => {
    const { rest } = customer;
    expectProblem(await rest("GET", "/v1/chains"), 401, "credential.missing");
    expectProblem(await rest("GET", "/v1/chains", { token: "rubbish" }), 401, "credential.invalid");
    expectProblem(await rest("GET", "/v1/chains", { token: customer.secret }), 401, "credential.invalid");
    const [header = "", payload = ""] = customer.token.split(".");
    expectProblem(await rest("GET", "/v1/chains", { token: `${header}.${payload}.AAAA` }), 401, "credential.invalid");
  });
});

describe("foreign ids", () => {
  it("are 404 on every path, and nothing of them changes", async () => {
    const chain = await createChain(plane, stranger, { name: "not yours" });
    const { items: operations } = await stranger.sdk.operations.list({ query: { chainId: chain.id } });
    const tries: [string, string, unknown?][] = [
      ["GET", `/v1/chains/${chain.id}`],
      ["GET", `/v1/chains/${chain.id}/nodes`],
      ["GET", `/v1/chains/${chain.id}/logs`],
      ["GET", `/v1/chains/${chain.id}/events`],
      ["POST", `/v1/chains/${chain.id}/pause`, {}],
      ["POST", `/v1/chains/${chain.id}/resume`, {}],
      ["POST", `/v1/chains/${chain.id}/restore`, {}],
      ["DELETE", `/v1/chains/${chain.id}`],
      ["GET", `/v1/operations/${operations[0]?.id}`],
      ["POST", `/v1/operations/${operations[0]?.id}/cancel`, {}],
      ["POST", `/v1/operations/${operations[0]?.id}/retry`, {}],
      ["GET", `/v1/apps/${stranger.appId}`],
      ["PATCH", `/v1/apps/${stranger.appId}`, { name: "mine" }],
      ["DELETE", `/v1/apps/${stranger.appId}`],
      ["GET", `/v1/apps/${stranger.appId}/keys`],
      ["POST", `/v1/apps/${stranger.appId}/keys`, { name: "mine", scopes: ["rpc"] }],
      ["DELETE", `/v1/apps/${stranger.appId}/keys/${stranger.keyId}`],
      ["GET", `/v1/apps/${stranger.appId}/usage`],
      ["GET", `/v1/apps/${stranger.appId}/requests`],
      ["GET", `/v1/apps/${stranger.appId}/bill`],
    ];
    await changingNothing(async () => {
      for (const [method, path, body] of tries) {
        const answer = await customer.rest(method, path, {
          token: customer.token,
          ...(body === undefined ? {} : { body }),
        });
        expect([`${method} ${path}`, answer.status, answer.body["code"]]).toEqual([
          `${method} ${path}`,
          404,
          "resource.not_found",
        ]);
        expect(answer.text).not.toContain("not yours");
      }
      const own = await customer.sdk.chains.list();
      expect(own.items.map(({ id }) => id)).not.toContain(chain.id);
      // The gateway keeps tenants apart as well.
      const foreign = await postRaw(
        `${plane.gateway}/${chain.id}/${customer.secret}`,
        '{"jsonrpc":"2.0","id":1,"method":"eth_chainId"}',
      );
      expect(foreign.status).toBe(404);
    });
    expect(await rpc(chain.url, "eth_chainId")).toMatch(/^0x/);
    await finish(stranger.sdk, (await stranger.sdk.chains.delete({ params: { chain: chain.id } })).id);
  });
});

describe("Idempotency-Key", () => {
  it("the same key and body replays, another body is 422, a key that is none is 400", async () => {
    const headers = { "idempotency-key": randomUUID() };
    const first = await post("/v1/apps", { name: "once" }, headers);
    expect(first.status).toBe(201);
    await changingNothing(async () => {
      const again = await post("/v1/apps", { name: "once" }, headers);
      expect([again.status, again.body]).toEqual([201, first.body]);
      expectProblem(await post("/v1/apps", { name: "twice" }, headers), 422, "idempotency.mismatch");
      expectProblem(await post("/v1/apps", { name: "once" }, { "idempotency-key": "" }), 400, "request.invalid");
      expectProblem(
        await post("/v1/apps", { name: "once" }, { "idempotency-key": "x".repeat(300) }),
        400,
        "request.invalid",
      );
    });
  });

  it("a key's secret and a signup's tokens are in no replay", async () => {
    const headers = { "idempotency-key": randomUUID() };
    const path = `/v1/apps/${customer.appId}/keys`;
    const body = { name: "shown once", scopes: ["rpc"] };
    const first = await post(path, body, headers);
    const again = await post(path, body, headers);
    expect(String(first.body["secret"])).toMatch(/^ptl_/);
    expect([again.status, again.body["id"], again.body["secret"]]).toEqual([201, first.body["id"], undefined]);

    const account = newAccount("global", "FR");
    const signup = { body: account, headers: { "idempotency-key": randomUUID() } };
    const made = await customer.rest("POST", "/v1/signup", signup);
    const replayed = await customer.rest("POST", "/v1/signup", signup);
    expect([made.status, replayed.status]).toEqual([201, 201]);
    expect(replayed.body["tenant"]).toEqual(made.body["tenant"]);
    expect([replayed.body["token"], replayed.body["refreshToken"]]).toEqual([undefined, undefined]);
    expect(replayed.text).not.toContain(String(made.body["token"]));
  });

  it("is the credential's own: another tenant's same key makes another app", async () => {
    const headers = { "idempotency-key": randomUUID() };
    const mine = await post("/v1/apps", { name: "same" }, headers);
    const theirs = await stranger.rest("POST", "/v1/apps", { token: stranger.token, body: { name: "same" }, headers });
    expect([mine.status, theirs.status]).toEqual([201, 201]);
    expect(theirs.body["id"]).not.toBe(mine.body["id"]);
  });

  it("of 100 identical creations at once exactly one makes a chain", async () => {
    const headers = { "idempotency-key": randomUUID() };
    await untilQuiet(plane);
    const before = await rowCounts(plane);
    const body = chainBody(customer, { name: "the only one" });
    const answers = await Promise.all(Array.from({ length: 100 }, () => post("/v1/chains", body, headers)));
    const taken = answers.filter(({ status }) => status === 202);
    const rest = answers.filter(({ status }) => status !== 202);
    expect(taken.length).toBeGreaterThan(0);
    expect(new Set(taken.map(({ body }) => body["id"])).size).toBe(1);
    for (const answer of rest) expectProblem(answer, 409, "idempotency.in_flight");
    const after = await rowCounts(plane);
    expect([
      after.chains - before.chains,
      after.placements - before.placements,
      after.operations - before.operations,
    ]).toEqual([1, 1, 1]);
    const id = String(taken[0]?.body["id"]);
    const made = await finish(customer.sdk, id);
    await finish(customer.sdk, (await customer.sdk.chains.delete({ params: { chain: made.target.id } })).id);
  });
});

describe("names", () => {
  const fine = [
    "Ωmega",
    "区块链 测试",
    "سلسلة",
    "🚀🧪",
    "👩‍👩‍👧‍👦",
    "e\u0301cole",
    "İstanbul",
    "x".repeat(100),
    "'; drop table chains; --",
    "<b>&amp;</b>",
    "%00%s$(7*7)",
    "../../etc",
  ];
  it.each(fine)("%s comes back as it was, normalised", async (name) => {
    const made = await post("/v1/apps", { name });
    // Twenty apps are a tenant's quota: what is made here is closed again.
    expect([made.status, made.body["name"]]).toEqual([201, name.normalize("NFC")]);
    const read = await customer.rest("GET", `/v1/apps/${String(made.body["id"])}`, { token: customer.token });
    expect(read.body["name"]).toBe(name.normalize("NFC"));
    await customer.sdk.apps.close({ params: { app: String(made.body["id"]) } });
  });

  it.each([
    ["nothing", ""],
    ["blanks", "   "],
    ["a zero byte", "a\u0000b"],
    ["half a surrogate pair", "a\ud800"],
    ["a direction override", "a\u202eb"],
    ["a line break", "a\nb"],
    ["only an invisible letter", "\u3164"],
    ["too many characters", "x".repeat(101)],
  ])("%s is refused", async (_what, name) => {
    await changingNothing(async () => {
      expectProblem(await post("/v1/apps", { name }), 400, "request.invalid");
    });
  });

  it("a chain of any name runs", async () => {
    const chain = await createChain(plane, customer, { name: "链 ⛓️ ../x" });
    const found = await customer.sdk.chains.get({ params: { chain: chain.id } });
    expect(found.name).toBe("链 ⛓️ ../x");
    await finish(customer.sdk, (await customer.sdk.chains.delete({ params: { chain: chain.id } })).id);
  });
});

describe("forks", () => {
  it("an address in place of a listed network's name is refused, whatever it points at", async () => {
    await changingNothing(async () => {
      for (const network of [
        "http://127.0.0.1:8545",
        "http://169.254.169.254/latest",
        "http://[::1]:1",
        "//10.0.0.1",
      ]) {
        const answer = await post(
          "/v1/chains",
          chainBody(customer, { settings: { fork: { network, blockNumber: 1 } } }),
        );
        expect(answer.status).toBe(422);
        expect(["chain.settings_invalid", "address.forbidden"]).toContain(answer.body["code"]);
        expect(answer.text).not.toContain("stack");
      }
      const other = await post("/v1/chains", chainBody(customer, { settings: { forkUrl: "http://127.0.0.1:8545" } }));
      expectProblem(other, 422, "chain.settings_invalid");
      const unlisted = await post(
        "/v1/chains",
        chainBody(customer, { settings: { fork: { network: "mainnet", blockNumber: 1 } } }),
      );
      expect(unlisted.status).toBe(422);
      expect(unlisted.body["hint"]).toEqual(expect.any(String));
    });
  });

  it("a listed network whose address points inside is never dialled: the operation stands with a reason", async () => {
    const body = chainBody(customer, { name: "forked", settings: { fork: { network: "inside", blockNumber: 1 } } });
    const asked = await post("/v1/chains", body);
    if (asked.status === 422) {
      expectProblem(asked, 422, "address.forbidden");
      return;
    }
    expect(asked.status).toBe(202);
    const { id, target } = asked.body as { id: string; target: { id: string } };
    const stands = await until(
      "the operation says what is wrong",
      async () => {
        const operation = await customer.sdk.operations.get({ params: { operation: id } });
        return operation.state === "needsAttention" || operation.state === "failed" ? operation : undefined;
      },
      { timeoutMs: 180_000, everyMs: 500 },
    );
    expect(stands.error).toMatchObject({ code: expect.any(String), hint: expect.any(String) });
    await finish(customer.sdk, (await customer.sdk.chains.delete({ params: { chain: target.id } })).id);
  });
});

describe("the domestic portal", () => {
  it("takes the user, and denies an anvil chain with its reason and a hint, in quote and in creation", async () => {
    const domestic = await signUp(plane, { portal: "domestic", country: "CN" });
    await changingNothing(async () => {
      const quote = await domestic.sdk.chains.quote({ body: chainBody(domestic) });
      expect(quote.allowed).toBe(false);
      expect(quote.reasons).toContainEqual(
        expect.objectContaining({ verdict: "deny", message: expect.stringMatching(/currency/) }),
      );
      const answer = await domestic.rest("POST", "/v1/chains", { token: domestic.token, body: chainBody(domestic) });
      expectProblem(answer, 403, "policy.denied");
      expect(answer.body["hint"]).toEqual(expect.stringMatching(/\S/));
      expect(answer.body["rule"]).toBe("domestic.test-currency");
    });
  });

  it("the global one turns its users away at signup", async () => {
    await changingNothing(async () => {
      const answer = await createRest(plane.api)("POST", "/v1/signup", { body: newAccount("global", "CN") });
      expectProblem(answer, 403, "policy.denied");
    });
  });
});

const isAnvilInstalled = ["/usr/local/bin/anvil", "/usr/bin/anvil", "/bin/anvil"].some(existsSync);

describe.skipIf(isAnvilInstalled)("a framework whose program is missing", () => {
  let checkout: Checkout;
  let bare: Plane;
  beforeAll(async () => {
    checkout = await checkoutWithout(["@foundry-rs"]);
    bare = await startPlane({ root: checkout.root });
  });
  afterAll(async () => {
    await bare?.stop();
    await checkout?.remove();
  });

  it("the operation needs attention with the install hint, and the chain can be deleted", async () => {
    const poor = await signUp(bare);
    const asked = await poor.sdk.chains.create({ body: chainBody(poor) });
    const stands = await poor.sdk.waitForOperation(asked.id, { timeoutMs: 180_000 });
    expect(stands.state).toBe("needsAttention");
    expect(stands.error).toMatchObject({
      code: "framework.program_missing",
      hint: expect.stringMatching(/npm install/),
    });
    const chain = await poor.sdk.chains.get({ params: { chain: asked.target.id } });
    expect(chain.conditions).toContainEqual(expect.objectContaining({ type: "nodesReady", status: "false" }));
    await finish(poor.sdk, (await poor.sdk.chains.delete({ params: { chain: asked.target.id } })).id);
  });
});
