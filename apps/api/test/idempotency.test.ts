import { describe, expect, it } from "vitest";
import { password, startApi } from "./harness.ts";

const api = await startApi();
const key = (name: string) => ({ "idempotency-key": name });

describe("Idempotency-Key", () => {
  it("replays the answer, without any secret that was in it", async () => {
    const { token } = await api.signUp();
    const { id: app } = await api.call("apps.create", { token, body: { name: "shop" } });
    const request = { token, params: { app }, body: { name: "laptop", scopes: ["rpc"] }, headers: key("one") };
    const first = await api.send("keys.create", request);
    const second = await api.send("keys.create", request);
    expect(first.headers["idempotency-replayed"]).toBeUndefined();
    expect(second.headers["idempotency-replayed"]).toBe("true");
    const { secret, ...rest } = first.json();
    expect(secret).toMatch(/^ptl_/);
    expect(second.json()).toEqual(rest);
    expect((await api.call("keys.list", { token, params: { app } })).items).toHaveLength(1);
    const records = await api.deps.clients.system.idempotencyRecord.findMany();
    expect(JSON.stringify(records)).not.toContain(secret);
  });

  it("refuses the same key with another body, and another tenant's same key is its own", async () => {
    const [one, two] = [await api.signUp(), await api.signUp()];
    const headers = key("same");
    const made = await api.call("apps.create", { token: one.token, body: { name: "a" }, headers });
    await api.fail("apps.create", "idempotency.mismatch", { token: one.token, body: { name: "b" }, headers });
    const other = await api.send("apps.create", { token: two.token, body: { name: "a" }, headers });
    expect(other.statusCode).toBe(201);
    expect(other.json().id).not.toBe(made.id);
  });

  it("does not remember a refusal", async () => {
    const { token } = await api.signUp();
    const { id: appId } = await api.call("apps.create", { token, body: { name: "shop" } });
    const body = { appId, name: "l", framework: "anvil", plan: "dev", regions: ["nowhere"] };
    await api.fail("chains.create", "region.unknown", { token, body, headers: key("again") });
    await api.call("chains.create", { token, body: { ...body, regions: ["local"] }, headers: key("again") });
  });

  it("replays a signup to who knows the password, without tokens", async () => {
    const body = { portal: "global", email: "twice@example.org", password, country: "FR", tenant: { name: "Acme" } };
    const first = await api.call("signup.create", { body, headers: key("signup") });
    const again = await api.send("signup.create", { body, headers: key("signup") });
    expect(again.statusCode).toBe(201);
    expect(again.json()).toMatchObject({ tenant: { id: first.tenant.id } });
    expect(again.json().token).toBeUndefined();
    const guess = { ...body, password: "another pass phrase" };
    await api.fail("signup.create", "idempotency.mismatch", { body: guess, headers: key("signup") });
  });

  it.each(["", " ", "x".repeat(256), "ключ"])("refuses the key %j", async (bad) => {
    const { token } = await api.signUp();
    const response = await api.send("apps.create", { token, body: { name: "a" }, headers: key(bad) }).catch(() => null);
    // Some of these can't even be sent as a header.
    if (response !== null) expect(response.statusCode).toBe(400);
  });

  it("makes exactly one chain of a hundred identical requests at once", async () => {
    const { token, tenantId } = await api.signUp();
    const { id: appId } = await api.call("apps.create", { token, body: { name: "shop" } });
    const body = { appId, name: "ledger", framework: "anvil", plan: "dev", regions: ["local"] };
    const send = () => api.send("chains.create", { token, body, headers: key("hundred") });
    const answers = await Promise.all(Array.from({ length: 100 }, send));
    const statuses = new Set(answers.map(({ statusCode }) => statusCode));
    expect([...statuses].filter((status) => status !== 202 && status !== 409)).toEqual([]);
    const accepted = answers.filter(({ statusCode }) => statusCode === 202);
    expect(accepted.filter(({ headers }) => headers["idempotency-replayed"] === undefined)).toHaveLength(1);
    const { system } = api.deps.clients;
    expect(await system.chain.count({ where: { tenantId } })).toBe(1);
    expect(await system.operation.count({ where: { tenantId } })).toBe(1);
    expect(await system.placement.count({ where: { tenantId } })).toBe(1);
    expect(await system.auditEvent.count({ where: { tenantId, action: "chain.create" } })).toBe(1);
    expect((await send()).headers["idempotency-replayed"]).toBe("true");
  });
});

describe("quota", () => {
  it("holds under a hundred different creations at once", async () => {
    const { token, tenantId } = await api.signUp();
    await api.deps.clients.system.tenant.update({ where: { id: tenantId }, data: { quotas: { chains: 7 } } });
    const { id: appId } = await api.call("apps.create", { token, body: { name: "shop" } });
    const answers = await Promise.all(
      Array.from({ length: 40 }, (_, index) =>
        api.send("chains.create", {
          token,
          body: { appId, name: `c${index}`, framework: "anvil", plan: "dev", regions: ["local"] },
        }),
      ),
    );
    expect(answers.filter(({ statusCode }) => statusCode === 202)).toHaveLength(7);
    const refused = answers.find(({ statusCode }) => statusCode !== 202)?.json();
    expect(refused).toMatchObject({ code: "quota.exceeded", quota: "chains" });
    const quote = await api.call("chains.quote", {
      token,
      body: { appId, name: "q", framework: "anvil", plan: "dev", regions: ["local"] },
    });
    expect(quote.allowed).toBe(false);
    expect(quote.quota.find(({ name }) => name === "chains")).toEqual({ name: "chains", limit: 7, used: 7, after: 8 });
  });
});
