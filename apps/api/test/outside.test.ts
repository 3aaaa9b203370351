import { expect, it } from "vitest";
import { startApi } from "./harness.ts";

const api = await startApi();
const { token, tenantId } = await api.signUp();
const { id: appId } = await api.call("apps.create", { token, body: { name: "shop" } });
const chain = (settings: object) => ({
  token,
  body: { appId, name: "ledger", framework: "fabric", plan: "dev", regions: ["local"], settings },
});
const outside = { outside: ["peers"] };
const told = { isolation: "namespace", hasStorageExpansion: false, hasSnapshots: true, exposures: [] };
const exposure = { domain: "paris.example.org", byServerName: true };
const tell = (capabilities: object) => api.deps.clients.system.region.updateMany({ data: { capabilities } });

it("callers from outside are refused, by quote and creation, in a region without an entry, and only they", async () => {
  for (const capabilities of [told, null])
    for (const operation of ["chains.quote", "chains.create"] as const) {
      if (capabilities !== null) await tell(capabilities);
      const problem = await api.fail(operation, "chain.settings_invalid", chain(outside));
      expect(problem).toMatchObject({
        detail: "Callers from outside can't reach nodes in local: the region has no entry for them, only the gateway.",
        errors: [{ path: "settings", code: "region.no_entry" }],
      });
    }
  await api.call("chains.quote", chain({}));
});

it("with one, the quote says what it costs for each node and which routes are made; regions say that they have one", async () => {
  await tell({ ...told, exposure });
  const plain = await api.call("chains.quote", chain({}));
  const quote = await api.call("chains.quote", chain(outside));
  const lines = quote.cost.lines.filter(({ sku }) => sku === "outside.node");
  expect(lines).toMatchObject([
    { region: "local", quantity: String(730 * 3_600), unit: "node-second", amount: { micros: String(730 * 4_000) } },
  ]);
  expect(BigInt(quote.cost.perMonth.micros) - BigInt(plain.cost.perMonth.micros)).toBe(730n * 4_000n);
  expect(quote.objects.filter(({ kind }) => kind === "outsideRoute")).toEqual([
    { kind: "outsideRoute", name: "peer-org1-0", region: "local" },
  ]);
  expect(plain.objects.filter(({ kind }) => kind === "outsideRoute")).toEqual([]);
  const both = await api.call("chains.quote", chain({ outside: ["peers", "orderers"] }));
  expect(both.cost.lines.find(({ sku }) => sku === "outside.node")?.quantity).toBe(String(2 * 730 * 3_600));
  const regions = await api.call("regions.list", { token });
  expect(regions.items[0]?.capabilities).toMatchObject({ exposure });
});

it("a chain's nodes say where they are reached; a region that lost its entry keeps it from no other change", async () => {
  await tell({ ...told, exposure });
  const operation = await api.call("chains.create", chain(outside));
  const chainId = operation.target.id;
  const { clients, ids, clock } = api.deps;
  const placement = await clients.system.placement.findFirstOrThrow({ where: { chainId } });
  const serverName = "peer-org1-0-chn-x.paris.example.org";
  const address = { node: "peer-org1-0", port: "grpc", host: "10.0.0.1", number: 8_000 };
  await clients.system.placement.update({
    where: { id: placement.id },
    data: {
      addresses: [
        { ...address, bindHost: "0.0.0.0", bindNumber: 8_000, outside: { host: serverName, number: 443, serverName } },
        { ...address, node: "orderer-0", bindHost: "0.0.0.0", bindNumber: 8_000 },
      ],
    },
  });
  await clients.system.node.createMany({
    data: ["peer-org1-0", "orderer-0"].map((name) => ({
      ...{ id: ids.next("node"), tenantId, chainId, placementId: placement.id, name, role: name.split("-")[0] ?? "" },
      ...{ ordinal: 0, region: "local", version: "3.1.5", createdAt: clock.now() },
    })),
  });
  const { items } = await api.call("chains.nodes", { token, params: { chain: chainId } });
  expect(Object.fromEntries(items.map(({ name, outside: found }) => [name, found]))).toEqual({
    "peer-org1-0": { host: serverName, port: 443, serverName },
    "orderer-0": undefined,
  });
  await tell(told);
  const change = (settings: object) => ({ token, params: { chain: chainId }, body: { settings } });
  await api.call("chains.quoteUpdate", change({ orderers: 1 }));
  // A peer more would be one more to be reached.
  const more = change({ organisations: [{ name: "org1", peers: 2 }] });
  await api.fail("chains.quoteUpdate", "chain.settings_invalid", more);
  expect(
    await api.fail("chains.quoteUpdate", "chain.settings_invalid", change({ outside: ["peers", "orderers"] })),
  ).toMatchObject({ errors: [{ code: "region.no_entry" }] });
});
