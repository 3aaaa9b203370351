import { expect, it } from "vitest";
import { startApi } from "./harness.ts";

const api = await startApi({
  operator: {
    forks: [{ name: "sepolia", url: "https://rpc.example", chainId: 11_155_111 }],
    forwarderUrl: "http://forwarder.invalid",
  },
});
const { token } = await api.signUp();
const { id: appId } = await api.call("apps.create", { token, body: { name: "shop" } });
const chain = (settings: object) => ({
  token,
  body: { appId, name: "ledger", framework: "anvil", plan: "dev", regions: ["local"], settings },
});
const fork = { network: "sepolia", blockNumber: 1 };
const told = { isolation: "namespace", hasStorageExpansion: false, hasSnapshots: true, exposures: [] };

it("a fork is refused, by creation and quote, in a region whose nodes don't reach the forwarder, and only there", async () => {
  await api.call("chains.quote", chain({ fork }));
  await api.deps.clients.system.region.updateMany({ data: { capabilities: { ...told, reachesForwarder: false } } });
  for (const operation of ["chains.quote", "chains.create"] as const)
    expect(await api.fail(operation, "address.forbidden", chain({ fork }))).toMatchObject({
      detail: expect.stringContaining("in this region"),
    });
  await api.call("chains.create", chain({}));
  const regions = await api.call("regions.list", { token });
  expect(regions.items[0]?.capabilities).toMatchObject({ reachesForwarder: false });
});
