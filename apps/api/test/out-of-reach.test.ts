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

it("chaincode by an image of one's own: by digest, and only in a region that keeps such code apart", async () => {
  const regions = api.deps.clients.system.region;
  const able = async (tenantCode: boolean) => {
    await regions.updateMany({ data: { capabilities: { ...told, tenantCode } } });
  };
  await able(false);
  const body = { appId, name: "trade", framework: "fabric", plan: "dev", regions: ["local"], settings: {} };
  const params = { chain: (await api.call("chains.create", { token, body })).target.id };
  await api.call("channels.create", { token, params, body: { name: "main" } });
  const image = `ghcr.io/acme/assets@sha256:${"0".repeat(64)}`;
  const wish = (of: string) => ({
    token,
    params,
    body: { name: "own", settings: { channel: "main", source: { kind: "image" as const, image: of } } },
  });
  const codeOf = async (of: string) => {
    const problem = await api.fail("chaincodes.create", "part.settings_invalid", wish(of));
    expect(problem.hint).toEqual(expect.any(String));
    return problem.errors?.map(({ code }) => code);
  };
  expect(await codeOf(image)).toEqual(["image.not_isolated"]);
  await able(true);
  expect(await codeOf("ghcr.io/acme/assets:1.0")).toEqual(["image.digest_missing"]);
  expect(await codeOf(image.replace("ghcr.io", "10.0.0.1:5000"))).toEqual(["image.registry_refused"]);
  await api.call("chaincodes.create", wish(image));
});
