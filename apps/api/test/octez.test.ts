import { expect, it } from "vitest";
import { startApi } from "./harness.ts";

const api = await startApi();
const { token } = await api.signUp();
const { id: appId } = await api.call("apps.create", { token, body: { name: "settlement" } });
const chain = (settings: object, plan = "standard") => ({
  token,
  body: { appId, name: "ledger", framework: "octez", plan, regions: ["local"], settings },
});
const address = "tz1KqTpEZ7Yob7QbPE4Hy4Wo8fHG8LhKxZSx";

it("is in the catalogue with plans, and its settings as a schema", async () => {
  const frameworks = await api.call("frameworks.list", { token });
  const octez = frameworks.items.find(({ slug }) => slug === "octez");
  expect(octez).toMatchObject({ family: "tezos", protocols: ["http"] });
  expect(JSON.stringify(octez)).toContain("historyMode");
  const plans = await api.call("plans.list", { token, query: { framework: "octez" } });
  expect(plans.items.map(({ plan }) => plan)).toEqual(["dev", "standard", "premium"]);
});

it.each(["dev", "standard", "premium"])(
  "a chain of the plan %s is within a tenant's quota, priced, and made",
  async (plan) => {
    const bakers = plan === "dev" ? 1 : 3;
    const wish = chain({ bakers }, plan);
    const quote = await api.call("chains.quote", wish);
    expect(quote.allowed, JSON.stringify(quote.quota)).toBe(true);
    expect(quote.nodes.map(({ role }) => role).sort()).toEqual([...Array(bakers).fill("baker"), "rpc"]);
    const skus = quote.cost.lines.map(({ sku }) => sku);
    expect(skus).toEqual(expect.arrayContaining([`node.octez.${plan}.baker`, `node.octez.${plan}.rpc`]));
    expect(BigInt(quote.cost.perMonth.micros)).toBeGreaterThan(0n);
    const { id } = (await api.call("chains.create", wish)).target;
    const made = await api.call("chains.get", { token, params: { chain: id } });
    expect(made).toMatchObject({ framework: "octez", version: "25.1", settings: { protocol: "ushuaia", rpcNodes: 1 } });
    await api.call("chains.delete", { token, params: { chain: id } });
    await api.deps.clients.system.chain.updateMany({ where: { id }, data: { phase: "purged" } });
  },
);

it.each([
  ["settings.protocol", { protocol: "PtTALLiNtPec7mE7yY4m3k26J8Qukef3E3ehzhfXgFZKGtDdAXu" }],
  ["settings.bakerStakeTez", { bakerStakeTez: "0" }],
  ["settings.bakerStakeTez", { bakerStakeTez: "5999" }],
  ["settings.accounts", { accounts: [{ address, balanceTez: "9223372036854775807" }] }],
  ["settings.accounts.0.address", { accounts: [{ address: `${address.slice(0, -1)}y`, balanceTez: "1" }] }],
  ["settings.constants.nonceRevelationThreshold", { constants: { blocksPerCycle: 8 } }],
  ["settings.bakers", { bakers: 4 }],
])("%s is refused at the quote and at the making, with a hint: %j", async (path, settings) => {
  for (const operation of ["chains.quote", "chains.create"] as const) {
    const problem = await api.fail(operation, "chain.settings_invalid", chain(settings));
    expect(problem.errors?.map((error) => error.path)).toEqual([path]);
    expect(problem.hint).toEqual(expect.stringMatching(/\w/));
  }
});

it("a portal that carries no currency does not carry it", async () => {
  const domestic = await api.signUp({ portal: "domestic", country: "CN" });
  const { id } = await api.call("apps.create", { token: domestic.token, body: { name: "closed" } });
  const { body } = chain({});
  const quote = await api.call("chains.quote", { token: domestic.token, body: { ...body, appId: id } });
  expect(quote).toMatchObject({ allowed: false });
  expect(quote.reasons.map(({ rule }) => rule)).toContain("domestic.test-currency");
});
