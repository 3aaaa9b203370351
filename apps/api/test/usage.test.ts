import type { UsageBatch, UsageRecord } from "@portolan/contract";
import { createUsageIngest } from "@portolan/store";
import { describe, expect, it } from "vitest";
import { makeChain, startApi } from "./harness.ts";

const clock = { now: () => new Date("2026-11-23T10:30:00Z") };
const api = await startApi({ clock });
const { token, tenantId } = await api.signUp();
const { appId, chainId } = await makeChain(api, token);
const ingest = createUsageIngest(api.deps.clients.system);
const { id: regionId } = await api.deps.clients.system.region.findUniqueOrThrow({ where: { slug: "local" } });

const record = (change: Partial<UsageRecord>): UsageRecord => ({
  tenantId,
  appId,
  subject: { type: "chain", id: chainId },
  regionId,
  sku: "rpc.compute",
  dims: {},
  quantity: "10",
  count: "1",
  from: "2026-11-23T09:59:50.000Z",
  to: "2026-11-23T10:00:00.000Z",
  keyId: "key_a",
  method: "eth_call",
  ...change,
});
const batch = (seq: number, records: UsageRecord[], epoch = "e1"): UsageBatch => ({
  source: "gw",
  epoch,
  seq,
  records,
});

describe("usage", () => {
  it("is rolled up by hour, each batch once, whatever order and however often it is sent", async () => {
    const one = batch(1, [record({}), record({}), record({ method: "eth_sendRawTransaction", quantity: "250" })]);
    const two = batch(2, [record({ from: "2026-11-23T10:00:00.000Z", to: "2026-11-23T10:00:10.000Z" })]);
    const outcomes = await Promise.all([one, two, one, two, one].map(ingest));
    expect(outcomes.filter(({ isDuplicate }) => isDuplicate)).toHaveLength(3);
    await ingest(batch(1, [record({ quantity: "5" })], "e2"));

    const byMethod = await api.call("usage.get", { token, params: { app: appId }, query: { groupBy: "chain,method" } });
    expect(byMethod.items.map(({ method, quantity, count, unit }) => [method, quantity, count, unit])).toEqual([
      ["eth_call", "35", "4", "dCU"],
      ["eth_sendRawTransaction", "250", "1", "dCU"],
    ]);
    expect(byMethod.items[0]?.subject).toEqual({ type: "chain", id: chainId });
    const byHour = await api.call("usage.get", { token, params: { app: appId }, query: { groupBy: "hour,region" } });
    expect(byHour.items.map(({ from, quantity, region }) => [from, quantity, region])).toEqual([
      ["2026-11-23T09:00:00.000Z", "275", "local"],
      ["2026-11-23T10:00:00.000Z", "10", "local"],
    ]);
  });

  it("makes a bill whose lines open to the usage they sum up", async () => {
    await ingest(
      batch(3, [record({ sku: "node.anvil.dev.node", quantity: "3600", count: "0", keyId: "", method: "" })]),
    );
    const bill = await api.call("bills.get", { token, params: { app: appId }, query: { period: "2026-11" } });
    const compute = bill.lines.find(({ sku }) => sku === "rpc.compute");
    expect(compute).toMatchObject({
      quantity: "285",
      unit: "dCU",
      region: "local",
      subject: { type: "chain", id: chainId },
    });
    expect(bill.total.micros).toBe(String(bill.lines.reduce((sum, { amount }) => sum + BigInt(amount.micros), 0n)));
    expect(bill.lines.find(({ sku }) => sku === "node.anvil.dev.node")?.amount.micros).toBe("2000");
    for (const line of bill.lines) {
      const response = await api.app.inject({
        method: "GET",
        url: line.usage,
        headers: { authorization: `Bearer ${token}` },
      });
      expect(response.statusCode, response.body).toBe(200);
      const sum = response
        .json()
        .items.reduce((total: bigint, { quantity }: { quantity: string }) => total + BigInt(quantity), 0n);
      expect(String(sum)).toBe(line.quantity);
    }
    expect((await api.call("bills.get", { token, params: { app: appId } })).period).toBe("2026-11");
    expect(
      (await api.call("bills.get", { token, params: { app: appId }, query: { period: "2026-10" } })).lines,
    ).toEqual([]);
  });

  it("survives concurrent batches of the same hours without loss or deadlock", async () => {
    const methods = Array.from({ length: 20 }, (_, index) => `m${index}`);
    const shuffled = (seq: number) =>
      batch(
        seq,
        methods.toSorted(() => Math.random() - 0.5).map((method) => record({ method, sku: "rpc.synthetic" })),
        "e3",
      );
    await Promise.all(Array.from({ length: 25 }, (_, index) => ingest(shuffled(index))));
    const query = { groupBy: "method", sku: "rpc.synthetic" };
    const { items } = await api.call("usage.get", { token, params: { app: appId }, query });
    expect(items).toHaveLength(20);
    expect(new Set(items.map(({ quantity }) => quantity))).toEqual(new Set(["250"]));
  });

  it.each([
    { groupBy: "color" },
    { groupBy: "chain,chain" },
    { from: "yesterday" },
    { from: "2026-11-02T00:00:00Z", to: "2026-11-01T00:00:00Z" },
    { from: "2020-01-01T00:00:00Z" },
    { from: "9999-12-31T00:00:00Z", to: "9999-12-31T23:59:59-23:59" },
    { from: "0000-01-01T00:00:00+23:59", to: "0000-01-02T00:00:00Z" },
  ] as {
    [name: string]: string;
  }[])("refuses the question %j", async (query) => {
    await api.fail("usage.get", "request.invalid", { token, params: { app: appId }, query });
  });

  it("lists the last calls one by one", async () => {
    const at = clock.now();
    const entry = {
      tenantId,
      appId,
      chainId,
      keyId: api.deps.ids.next("key"),
      method: "eth_call",
      status: "ok",
      code: null,
      durationMs: 1.5,
      at,
    };
    await api.deps.clients.system.requestLog.createMany({ data: [entry, { ...entry, status: "error", code: -32601 }] });
    const { items } = await api.call("requests.list", { token, params: { app: appId }, query: { pageSize: "1" } });
    expect(items).toMatchObject([{ status: "error", code: -32601, method: "eth_call" }]);
  });
});
