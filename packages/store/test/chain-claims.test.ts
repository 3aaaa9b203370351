import { testDatabase } from "@portolan/testing";
import { afterAll, expect, test } from "vitest";
import { chainClaimRepository, createClients, withTenant } from "../src/index.ts";

const database = await testDatabase();
const { app, system, close } = createClients({ appUrl: database.urls.app, systemUrl: database.urls.system });
afterAll(close);

const name = "evm-chain-id/424242";
const take = (tenantId: string, chainId: string, names: string[]) =>
  withTenant(app, tenantId, (transaction) => chainClaimRepository.take(transaction, { tenantId, chainId, names }));
const makeChain = (id: string, tenantId: string) =>
  system.chain.create({
    data: {
      ...{ id, tenantId, appId: "app_a", name: id, framework: "besu", version: "1", plan: "dev" },
      ...{ hosting: "dedicated", regions: ["local"], settings: {}, phase: "running" },
    },
  });

test("of many that ask at once, of whatever tenant, exactly one has the name, until nothing is left of its chain", async () => {
  const tenants = Array.from({ length: 8 }, (_, at) => `ten_${at}`);
  const refused = await Promise.all(tenants.map((tenant, at) => take(tenant, `chn_${at}`, [name])));
  expect(refused.filter((names) => names.length === 0)).toHaveLength(1);
  const winner = refused.findIndex((names) => names.length === 0);
  const loser = (winner + 1) % tenants.length;

  const seen = await withTenant(app, `ten_${loser}`, async (transaction) => [
    await chainClaimRepository.taken(transaction, [name, "evm-chain-id/1"]),
    await transaction.$queryRaw`select name from chain_claims`,
  ]);
  // That it is taken is said; whose it is can't be found out.
  expect(seen).toEqual([[name], []]);

  await makeChain(`chn_${winner}`, `ten_${winner}`);
  const update = (phase: string) => system.chain.update({ where: { id: `chn_${winner}` }, data: { phase } });
  await update("deleted");
  expect(await take(`ten_${loser}`, "chn_later", [name])).toEqual([name]);
  await update("purged");
  expect(await take(`ten_${loser}`, "chn_later", [name])).toEqual([]);
});

test("a name whose chain was not made after all is free", async () => {
  const other = "evm-chain-id/434343";
  const failing = withTenant(app, "ten_a", async (transaction) => {
    await chainClaimRepository.take(transaction, { tenantId: "ten_a", chainId: "chn_a", names: [other] });
    throw new Error("no room");
  });
  await expect(failing).rejects.toThrow("no room");
  expect(await take("ten_b", "chn_b", [other])).toEqual([]);
});

test("a tenant takes names for itself only, and lets none go by itself", async () => {
  await expect(
    withTenant(app, "ten_a", (transaction) =>
      chainClaimRepository.take(transaction, { tenantId: "ten_b", chainId: "chn_x", names: ["evm-chain-id/9"] }),
    ),
  ).rejects.toThrow(/row-level security/);
  await expect(
    withTenant(app, "ten_a", (transaction) => transaction.$executeRaw`delete from chain_claims`),
  ).rejects.toThrow(/permission denied/);
});
