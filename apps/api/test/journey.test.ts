import { describe, expect, it } from "vitest";
import { makeChain, password, startApi } from "./harness.ts";

const api = await startApi();

describe("the first journey", () => {
  it("goes from signup over session, app and key to a chain with its operation", async () => {
    const { token, tenantId, email } = await api.signUp();
    const me = await api.call("me.get", { token });
    expect(me).toMatchObject({ role: "owner", tenant: { id: tenantId, portal: "global" }, user: { email } });
    expect((await api.call("me.tenants", { token })).items).toHaveLength(1);

    const session = await api.call("sessions.create", { body: { email, password } });
    const app = await api.call("apps.create", { token: session.token, body: { name: "shop" } });
    const key = await api.call("keys.create", {
      token,
      params: { app: app.id },
      body: { name: "laptop", scopes: ["rpc", "rpc:dev"] },
    });
    expect(key.secret).toMatch(/^ptl_/);
    const listed = await api.call("keys.list", { token, params: { app: app.id } });
    expect(JSON.stringify(listed)).not.toContain(key.secret);

    const body = { appId: app.id, name: "ledger", framework: "anvil", plan: "dev", regions: ["local"], settings: {} };
    const quote = await api.call("chains.quote", { token, body });
    expect(quote).toMatchObject({ allowed: true, nodes: [{ name: "node-0", region: "local" }] });
    expect(BigInt(quote.cost.perMonth.micros)).toBeGreaterThan(0n);

    const response = await api.send("chains.create", { token, body });
    const operation = response.json();
    expect(response.statusCode).toBe(202);
    expect(response.headers.location).toBe(`/v1/operations/${operation.id}`);
    expect(operation).toMatchObject({ kind: "chain.create", state: "queued", done: false });
    const chain = await api.call("chains.get", { token, params: { chain: operation.target.id } });
    expect(chain).toMatchObject({ phase: "pending", generation: 1, observedGeneration: 0, appId: app.id });
    expect(chain.endpoints[0]?.url).toBe(`http://127.0.0.1:4200/${chain.id}`);
    expect(api.wakes.at(-1)).toMatch(/^placement\.reconcile \{"placementId":"plc_\w{26}","region":"local"\}$/);
  });

  it("leaves a numbered audit trail and decisions with reasons, without secrets", async () => {
    const { token } = await api.signUp();
    await makeChain(api, token);
    const { items } = await api.call("audit.list", { token });
    expect(items.map(({ action }) => action)).toEqual(["chain.create", "app.create", "tenant.create"]);
    expect(items.map(({ seq }) => seq)).toEqual(["3", "2", "1"]);
    const decisions = await api.call("decisions.list", { token });
    expect(decisions.items.map(({ stage, verdict }) => `${stage} ${verdict}`)).toEqual(["quote allow", "signup allow"]);
    expect(JSON.stringify([items, decisions])).not.toMatch(/pt[lsr]_|eyJ|pass phrase/);
  });

  it("shows catalogue and prices of the portal", async () => {
    const { token } = await api.signUp();
    expect((await api.call("frameworks.list", { token })).items.map(({ slug }) => slug)).toContain("anvil");
    expect((await api.call("regions.list", { token })).items.map(({ slug }) => slug)).toEqual(["local"]);
    const plans = await api.call("plans.list", { token, query: { framework: "anvil" } });
    expect(plans.items.map(({ plan }) => plan)).toEqual(["dev", "standard"]);
    expect(plans.items[0]?.perMonth?.currency).toBe("USD");
  });
});
