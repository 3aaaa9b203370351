import type { Context } from "fabric-contract-api";
import { expect, test } from "vitest";
import { AssetTransfer } from "../src/asset-transfer.ts";
import { createFakeLedger } from "./fake-ledger.ts";

const alice = "x509::/OU=client/CN=alice::/CN=ca";
const bob = "x509::/OU=client/CN=bob::/CN=ca";

const open = () => {
  const contract = new AssetTransfer();
  const { run, events } = createFakeLedger();
  const as = (client: string) => ({
    create: (id: string, description: string, value: string) =>
      run(client, (ctx) => contract.create(ctx, id, description, value)),
    read: (id: string) => run(client, (ctx) => contract.read(ctx, id)),
    update: (id: string, description: string, value: string) =>
      run(client, (ctx) => contract.update(ctx, id, description, value)),
    transfer: (id: string, owner: string) => run(client, (ctx) => contract.transfer(ctx, id, owner)),
    delete: (id: string) => run(client, (ctx) => contract.delete(ctx, id)),
    list: (from: string) => run(client, (ctx) => contract.list(ctx, from)),
    whoAmI: () => run(client, (ctx: Context) => contract.whoAmI(ctx)),
  });
  return { alice: as(alice), bob: as(bob), events };
};

test("whoever creates an asset owns it, and anybody reads it", async () => {
  const ledger = open();
  expect(await ledger.alice.whoAmI()).toBe(alice);
  const asset = { id: "car-1", owner: alice, description: "red", value: "12000" };
  expect(await ledger.alice.create("car-1", "red", "12000")).toEqual(asset);
  expect(await ledger.bob.read("car-1")).toEqual(asset);
  expect(ledger.events).toEqual([{ name: "AssetCreated", payload: asset }]);
});

test("an id is taken once", async () => {
  const ledger = open();
  await ledger.alice.create("car-1", "red", "1");
  await expect(ledger.bob.create("car-1", "blue", "2")).rejects.toThrow("already");
  expect(await ledger.bob.read("car-1")).toMatchObject({ owner: alice, description: "red" });
});

test("only the owner updates, transfers and deletes", async () => {
  const ledger = open();
  await ledger.alice.create("car-1", "red", "1");
  await expect(ledger.bob.update("car-1", "blue", "2")).rejects.toThrow("somebody else");
  await expect(ledger.bob.transfer("car-1", bob)).rejects.toThrow("somebody else");
  await expect(ledger.bob.delete("car-1")).rejects.toThrow("somebody else");
  expect(await ledger.alice.update("car-1", "blue", "2")).toMatchObject({ description: "blue", value: "2" });
});

test("after a transfer the new owner decides, and the old one no more", async () => {
  const ledger = open();
  await ledger.alice.create("car-1", "red", "1");
  await ledger.alice.transfer("car-1", bob);
  await expect(ledger.alice.update("car-1", "blue", "2")).rejects.toThrow("somebody else");
  await ledger.bob.delete("car-1");
  await expect(ledger.bob.read("car-1")).rejects.toThrow("there is no asset car-1");
  expect(ledger.events.map(({ name }) => name)).toEqual(["AssetCreated", "AssetTransferred", "AssetDeleted"]);
});

test("lists in the order of ids, a page at a time", async () => {
  const ledger = open();
  const ids = Array.from({ length: 203 }, (_, index) => `a${String(index).padStart(3, "0")}`);
  for (const id of ids.toReversed()) await ledger.alice.create(id, "", "0");
  const seen: string[] = [];
  let from = "";
  let pages = 0;
  do {
    const { assets, next } = await ledger.bob.list(from);
    seen.push(...assets.map(({ id }) => id));
    from = next;
    pages += 1;
  } while (from !== "");
  expect([seen, pages]).toEqual([ids, 3]);
});

test("refuses what is no id, value, description or owner", async () => {
  const ledger = open();
  for (const id of ["", "a b", "\0x", "ä", "x".repeat(65), "-a"])
    await expect(ledger.alice.create(id, "", "1")).rejects.toThrow("an id has");
  for (const value of ["", "-1", "1.5", "01", "1e3", "9".repeat(31)])
    await expect(ledger.alice.create("a", "", value)).rejects.toThrow("a value is");
  await expect(ledger.alice.create("a", "x".repeat(1025), "1")).rejects.toThrow("a description has");
  await ledger.alice.create("a", "x".repeat(1024), "9".repeat(30));
  await expect(ledger.alice.transfer("a", "bob")).rejects.toThrow("an owner is");
});
