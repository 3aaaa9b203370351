import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { toBill, toWireBill, type UsageLine } from "./bill.ts";
import { parsePeriod } from "./period.ts";
import { parsePriceBook } from "./price-book.ts";
import { quoteMonthly, toWireMonthlyQuote } from "./quote.ts";
import { samplePriceBook, samplePriceBookData } from "./sample-price-books.ts";
import { nodeSku, toMebibytes } from "./sku.ts";

const period = parsePeriod("2026-11");
const hour = (index: number): Date => new Date(period.from.getTime() + index * 3_600_000);
const usageOf = (fields: Partial<UsageLine>): UsageLine => ({
  sku: "rpc.compute",
  subject: { type: "chain", id: "chn_1" },
  region: "local",
  quantity: 12_340n,
  from: hour(0),
  ...fields,
});
const billOf = (usage: readonly UsageLine[], priceBook = samplePriceBook) =>
  toBill({ appId: "app_1", usage, priceBook, period });

const usages = fc.array(
  fc.record({
    sku: fc.constantFrom("rpc.compute", "storage.standard", "node.anvil.dev.node", "rpc.synthetic"),
    subject: fc.constantFrom({ type: "chain", id: "chn_1" }, { type: "chain", id: "chn_2" }),
    region: fc.constantFrom("local", "jp-tokyo"),
    quantity: fc.bigInt({ min: 0n, max: 10n ** 9n }),
    from: fc.nat(719).map(hour),
  }),
  { maxLength: 60 },
);

describe("toBill", () => {
  it("has one line per sku, subject and region, which opens down to its usage", () => {
    const bill = billOf([usageOf({}), usageOf({ from: hour(5), quantity: 60n }), usageOf({ region: "jp-tokyo" })]);
    expect(toWireBill(bill)).toEqual({
      appId: "app_1",
      period: "2026-11",
      currency: "USD",
      total: { currency: "USD", micros: "1237" },
      lines: [
        {
          sku: "rpc.compute",
          subject: { type: "chain", id: "chn_1" },
          region: "jp-tokyo",
          quantity: "12340",
          unit: "dCU",
          unitPrice: { micros: "500000", per: "10000000" },
          amount: { currency: "USD", micros: "617" },
          priceVersion: 1,
          usage:
            "/v1/apps/app_1/usage?from=2026-11-01T00%3A00%3A00.000Z&to=2026-12-01T00%3A00%3A00.000Z" +
            "&sku=rpc.compute&subject=chn_1&region=jp-tokyo",
        },
        expect.objectContaining({ region: "local", quantity: "12400", amount: { currency: "USD", micros: "620" } }),
      ],
    });
  });

  it("totals exactly the sum of its lines", () => {
    fc.assert(
      fc.property(usages, (usage) => {
        const bill = billOf(usage);
        expect(bill.total.micros).toBe(bill.lines.reduce((sum, line) => sum + line.amount.micros, 0n));
        const counted = bill.lines.reduce((sum, line) => sum + line.quantity, 0n);
        expect(counted).toBe(usage.reduce((sum, line) => sum + line.quantity, 0n));
      }),
    );
  });

  it("is the same bill for the same usage in another order and in smaller portions", () => {
    fc.assert(
      fc.property(usages, (usage) => {
        const portions = usage
          .flatMap((line) => {
            const part = line.quantity / 3n;
            return [
              { ...line, quantity: line.quantity - part },
              { ...line, quantity: part },
            ];
          })
          .reverse();
        expect(billOf(portions)).toEqual(billOf(usage));
      }),
    );
  });

  it("prices each hour by the price in force, on a line of its own", () => {
    const priceBook = parsePriceBook({
      ...samplePriceBookData,
      version: 2,
      prices: [
        ...samplePriceBookData.prices,
        {
          sku: "rpc.compute",
          unit: "dCU",
          unitPrice: { micros: "1", per: "1" },
          validFrom: "2026-11-01T02:00:00Z",
          version: 2,
        },
      ],
    });
    const bill = billOf(
      [0, 1, 2, 3].map((index) => usageOf({ from: hour(index), quantity: 1000n })),
      priceBook,
    );
    expect(bill.lines.map((line) => [line.priceVersion, line.quantity, line.amount.micros])).toEqual([
      [1, 2000n, 100n],
      [2, 2000n, 2000n],
    ]);
  });

  it("is empty, and 0, without usage", () => {
    expect(toWireBill(billOf([]))).toMatchObject({ total: { currency: "USD", micros: "0" }, lines: [] });
  });

  it("refuses usage of another period and below 0", () => {
    expect(() => billOf([usageOf({ from: period.to })])).toThrow(RangeError);
    expect(() => billOf([usageOf({ from: new Date(period.from.getTime() - 1) })])).toThrow(RangeError);
    expect(() => billOf([usageOf({ quantity: 5n }), usageOf({ quantity: -1n })])).toThrow(RangeError);
  });
});

describe("quoteMonthly", () => {
  const node = { framework: "anvil", plan: "dev", role: "node", region: "local", storageBytes: 2n ** 30n };
  const at = hour(3);

  it("is 730 hours of the nodes and of their storage", () => {
    const quote = quoteMonthly({ priceBook: samplePriceBook, nodes: [node, node], at });
    expect(toWireMonthlyQuote(quote)).toEqual({
      perMonth: { currency: "USD", micros: "3120000" },
      lines: [
        {
          sku: "node.anvil.dev.node",
          region: "local",
          quantity: "5256000",
          unit: "node-second",
          unitPrice: { micros: "2000", per: "3600" },
          amount: { currency: "USD", micros: "2920000" },
          priceVersion: 1,
          isAssumption: false,
        },
        {
          sku: "storage.standard",
          region: "local",
          quantity: "1495040",
          unit: "MiB-hour",
          unitPrice: { micros: "100000", per: "747520" },
          amount: { currency: "USD", micros: "200000" },
          priceVersion: 1,
          isAssumption: false,
        },
      ],
    });
  });

  it("marks what is assumed, and totals exactly the sum of its lines", () => {
    const quote = quoteMonthly({
      priceBook: samplePriceBook,
      nodes: [node, { ...node, region: "jp-tokyo", storageBytes: 1n }],
      compute: [{ region: "local", dcu: 10_000_000n }],
      at,
    });
    expect(quote.lines.filter((line) => line.isAssumption).map((line) => [line.sku, line.amount.micros])).toEqual([
      ["rpc.compute", 500_000n],
    ]);
    expect(quote.lines).toHaveLength(5);
    expect(quote.perMonth.micros).toBe(quote.lines.reduce((sum, line) => sum + line.amount.micros, 0n));
  });

  it("says what the bill then says, when a month of 730 hours is used", () => {
    const quote = quoteMonthly({ priceBook: samplePriceBook, nodes: [node], at });
    const subject = { type: "chain", id: "chn_1" };
    const usage = Array.from({ length: 730 }, (_, index) => [
      usageOf({ sku: nodeSku("anvil", "dev", "node"), subject, quantity: 3600n, from: hour(index % 720) }),
      usageOf({ sku: "storage.standard", subject, quantity: toMebibytes(2n ** 30n), from: hour(index % 720) }),
    ]).flat();
    expect(billOf(usage).total).toEqual(quote.perMonth);
  });

  it("counts storage in whole MiB, rounded up", () => {
    expect([0n, 1n, 1_048_576n, 1_048_577n].map(toMebibytes)).toEqual([0n, 1n, 1n, 2n]);
  });
});
