import { expect, it } from "vitest";
import { startApi } from "./harness.ts";

const api = await startApi();
const { token } = await api.signUp();
const { id: appId } = await api.call("apps.create", { token, body: { name: "settlement" } });
const chain = (settings: object, rest: { plan?: string; version?: string } = {}) => ({
  token,
  body: { appId, name: "ledger", framework: "besu", plan: "standard", regions: ["local"], settings, ...rest },
});
const account = `0x${"ab".repeat(20)}`;

it("is in the catalogue with plans, and its settings as a schema", async () => {
  const frameworks = await api.call("frameworks.list", { token });
  const besu = frameworks.items.find(({ slug }) => slug === "besu");
  expect(besu).toMatchObject({ family: "evm" });
  expect(JSON.stringify(besu)).toContain("blockPeriodSeconds");
  const plans = await api.call("plans.list", { token, query: { framework: "besu" } });
  expect(plans.items.map(({ plan }) => plan)).toEqual(["dev", "standard", "premium"]);
});

it("a network is priced by its nodes and made with what its plan has", async () => {
  const quote = await api.call("chains.quote", chain({}));
  const roles = quote.nodes.map(({ role }) => role).sort();
  expect(roles).toEqual(["rpc", "rpc", "validator", "validator", "validator", "validator"]);
  const skus = quote.cost.lines.map(({ sku }) => sku);
  expect(skus).toEqual(expect.arrayContaining(["node.besu.standard.validator", "node.besu.standard.rpc"]));
  const { id } = (await api.call("chains.create", chain({}))).target;
  const made = await api.call("chains.get", { token, params: { chain: id } });
  expect(made).toMatchObject({ framework: "besu", version: "26.9.0", settings: { gas: "free" } });
});

it.each([
  ["settings.chainId", { chainId: 1 }],
  ["settings.chainId", { chainId: 11_155_111 }],
  ["settings.validators", { validators: 2 }],
  ["settings.validators", { validators: 3 }],
  ["settings.validators", { validators: 9 }],
  ["settings.allocations.0.balanceEther", { allocations: [{ address: account, balanceEther: "9".repeat(70) }] }],
  ["settings.allocations", { gas: "priced" }],
  ["settings.permissions.accounts", { permissions: { accounts: [account, account.toUpperCase().replace("X", "x")] } }],
])("%s is refused at the quote and at the making, with a hint: %j", async (path, settings) => {
  for (const operation of ["chains.quote", "chains.create"] as const) {
    const problem = await api.fail(operation, "chain.settings_invalid", chain(settings));
    expect(problem.errors?.map((error) => error.path)).toEqual([path]);
    expect(problem.hint).toEqual(expect.stringMatching(/\w/));
  }
});

it("a portal that carries no currency carries it only while gas is free and nobody has Ether", async () => {
  const domestic = await api.signUp({ portal: "domestic", country: "CN" });
  const { id } = await api.call("apps.create", { token: domestic.token, body: { name: "closed" } });
  const quoted = async (settings: object) => {
    const { body } = chain(settings);
    const quote = await api.call("chains.quote", { token: domestic.token, body: { ...body, appId: id } });
    return [quote.allowed, ...quote.reasons.map(({ rule }) => rule)];
  };
  expect(await quoted({})).toEqual([true, "domestic.permissioned"]);
  const allocations = [{ address: account, balanceEther: "1" }];
  expect(await quoted({ gas: "priced", allocations })).toEqual([false, "domestic.test-currency"]);
});

it("an id of one's own is one chain's in the whole plane, also of two that are made at once, until it is purged", async () => {
  const own = { chainId: 424_242 };
  const other = await api.signUp();
  const { id: otherApp } = await api.call("apps.create", { token: other.token, body: { name: "other" } });
  const theirs = { token: other.token, body: { ...chain(own, { plan: "dev" }).body, appId: otherApp } };
  await api.call("chains.quote", theirs);
  const made = await Promise.all([api.send("chains.create", chain(own)), api.send("chains.create", theirs)]);
  expect(made.map(({ statusCode }) => statusCode).sort()).toEqual([202, 422]);
  for (const request of [chain(own), theirs])
    for (const operation of ["chains.quote", "chains.create"] as const) {
      const problem = await api.fail(operation, "chain.settings_invalid", request);
      expect(problem.errors?.map((error) => error.path)).toEqual(["settings.chainId"]);
      expect(problem.hint).toContain("leave it out");
    }
  await api.deps.clients.system.chain.updateMany({ where: { framework: "besu" }, data: { phase: "purged" } });
  await api.call("chains.create", theirs);
});

it("nodes to be joined from outside want a region whose entry has port numbers to give", async () => {
  const { region } = api.deps.clients.system;
  const told = { isolation: "namespace", hasStorageExpansion: false, hasSnapshots: true, exposures: [] };
  const tell = (exposure: object) => region.updateMany({ data: { capabilities: { ...told, ...exposure } } });
  const byName = { domain: "paris.example.org", byServerName: true };
  const outside = chain({ outside: ["rpc"] });
  for (const [exposure, reason] of [
    [{}, "the region has no entry"],
    [{ exposure: byName }, "it is told apart by a port number"],
  ] as const) {
    await tell(exposure);
    const problem = await api.fail("chains.quote", "chain.settings_invalid", outside);
    expect(problem).toMatchObject({
      detail: expect.stringContaining(reason),
      errors: [{ path: "settings", code: "region.no_entry" }],
    });
  }
  await tell({ exposure: { ...byName, byPort: true } });
  const quote = await api.call("chains.quote", outside);
  expect(quote.objects.filter(({ kind }) => kind === "outsideRoute").map(({ name }) => name)).toEqual([
    "rpc-0",
    "rpc-1",
  ]);
  expect(quote.cost.lines.map(({ sku }) => sku)).toContain("outside.node");
});
