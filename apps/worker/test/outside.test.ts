import { priceLine, samplePriceBook } from "@portolan/domain";
import { chainRepository, inTransaction } from "@portolan/store";
import { afterEach, expect, test } from "vitest";
import { clearPlane, fakePlane } from "./support/fake-plane.ts";
import { runFor, settle } from "./support/settle.ts";
import { changeChain, type TestChain, wishChain } from "./support/wishes.ts";

const plane = await fakePlane();
const exposure = { domain: "paris.example.org", byServerName: true };
afterEach(async () => {
  delete plane.machines.entryDomain;
  await plane.client.region.updateMany({ data: { capabilities: {} } });
  await clearPlane(plane);
});

const openEntry = async (): Promise<void> => {
  plane.machines.entryDomain = exposure.domain;
  await plane.client.region.updateMany({ data: { capabilities: { exposure } } });
};
const shown = async (chain: TestChain): Promise<string[]> => {
  const found = await inTransaction(plane.client, (transaction) =>
    chainRepository.outsideOf(transaction, chain.tenantId, chain.id),
  );
  return [...found].map(([key, { serverName }]) => `${key.split("/")[1]} ${serverName}`);
};
/** What the blueprints in force show. */
const wanted = async (chain: TestChain): Promise<string[]> => {
  const rows = await plane.client.placement.findMany({ where: { chainId: chain.id } });
  return rows.flatMap(({ workOrder }) => {
    const { blueprint } = workOrder as { blueprint?: { nodes: { ports: { outside?: { serverName: string } }[] }[] } };
    return (blueprint?.nodes ?? []).flatMap(({ ports }) => ports.flatMap(({ outside }) => outside?.serverName ?? []));
  });
};
const seconds = async (chain: TestChain, sku: string): Promise<bigint> => {
  const rows = await plane.client.usageHourly.findMany({ where: { subjectId: chain.id, sku } });
  return rows.reduce((sum, { quantity }) => sum + quantity, 0n);
};
const succeeded = async (chain: TestChain): Promise<boolean> =>
  (await plane.client.operation.findMany({ where: { targetId: chain.id } })).every(
    ({ state }) => state === "succeeded",
  );

test("a node is shown outside from its beginning, and its time there is counted second by second, beside its own", async () => {
  await openEntry();
  const chain = await wishChain(plane, { settings: { isOutside: true } });
  await settle(plane);
  expect(await shown(chain)).toEqual(["hub-0 hub-0.paris.example.org"]);
  expect(await wanted(chain)).toEqual(["hub-0.paris.example.org"]);
  await runFor(plane, 450_000);
  const counted = await seconds(chain, "outside.node");
  expect(counted).toBeGreaterThan(400n);
  // The hub's alone, though the leaves ran as long.
  expect(counted).toBe(await seconds(chain, "node.fake.dev.hub"));
  const line = priceLine({
    priceBook: samplePriceBook,
    sku: "outside.node",
    region: "local",
    quantity: 3_600n,
    at: plane.clock.now(),
  });
  expect(line.amount).toEqual({ currency: "USD", micros: 4_000n });
});

test("it is shown, and hidden again, by a change; what was not shown is not billed", async () => {
  await openEntry();
  const chain = await wishChain(plane);
  await settle(plane);
  await runFor(plane, 60_000);
  expect(await shown(chain)).toEqual([]);
  expect(await seconds(chain, "outside.node")).toBe(0n);
  await changeChain(plane, chain, { kind: "chain.update", wish: "running", settings: { isOutside: true } });
  await settle(plane);
  expect(await shown(chain)).toEqual(["hub-0 hub-0.paris.example.org"]);
  expect(await wanted(chain)).toEqual(["hub-0.paris.example.org"]);
  await runFor(plane, 60_000);
  await changeChain(plane, chain, { kind: "chain.update", wish: "running", settings: {} });
  await settle(plane);
  expect(await shown(chain)).toEqual([]);
  expect(await wanted(chain)).toEqual([]);
  const counted = await seconds(chain, "outside.node");
  expect(counted).toBeGreaterThan(30n);
  await runFor(plane, 600_000);
  expect(await seconds(chain, "outside.node")).toBe(counted);
  expect(await succeeded(chain)).toBe(true);
});

test("a region that has lost its entry keeps its chains: nothing waits, and nothing is shown or billed", async () => {
  await openEntry();
  const chain = await wishChain(plane, { settings: { isOutside: true } });
  await settle(plane);
  delete plane.machines.entryDomain;
  await plane.client.region.updateMany({ data: { capabilities: {} } });
  await changeChain(plane, chain, {
    kind: "chain.update",
    wish: "running",
    settings: { isOutside: true, greeting: "good day" },
  });
  await settle(plane);
  expect(await succeeded(chain)).toBe(true);
  expect(await shown(chain)).toEqual([]);
  expect(await wanted(chain)).toEqual([]);
});
