import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { roundHalfEven } from "./fraction.ts";
import type { Money } from "./money.ts";
import { missingPrices, type PriceBook, type PriceBookData, parsePriceBook } from "./price-book.ts";
import { priceLine, toBooking } from "./price-line.ts";
import { sampleDomesticPriceBook, samplePriceBook, samplePriceBookData } from "./sample-price-books.ts";

const at = new Date("2026-11-23T10:00:00Z");

type PriceData = PriceBookData["prices"][number];
const priceOf = (fields: Partial<PriceData>): PriceData => ({
  sku: "rpc.compute",
  unit: "dCU",
  unitPrice: { micros: "500000", per: "10000000" },
  validFrom: "2026-01-01T00:00:00Z",
  version: 1,
  ...fields,
});
const bookOf = (...prices: Partial<PriceData>[]): PriceBook =>
  parsePriceBook({ portal: "global", version: 9, currency: "USD", prices: prices.map(priceOf) });

const amountOf = (priceBook: PriceBook, quantity: bigint, region = "local"): bigint =>
  priceLine({ priceBook, sku: "rpc.compute", quantity, region, at }).amount.micros;

const naturals = (max: bigint) => fc.bigInt({ min: 0n, max });
const rates = fc.record({
  micros: naturals(10n ** 9n).map(String),
  per: fc.bigInt({ min: 1n, max: 10n ** 9n }).map(String),
});
const tiersOf = (ends: readonly bigint[], costs: readonly { micros: string; per: string }[]) =>
  [...new Set(ends)]
    .sort((a, b) => (a < b ? -1 : 1))
    .map((upTo, index) => ({ upTo: upTo.toString(), ...(costs[index] ?? { micros: "1", per: "1" }) }));
const books = fc
  .record({
    unitPrice: rates,
    ends: fc.array(fc.bigInt({ min: 1n, max: 10n ** 12n }), { maxLength: 5 }),
    costs: fc.array(rates, { minLength: 5, maxLength: 5 }),
    ppm: fc.integer({ min: 0, max: 3_000_000 }),
  })
  .map(({ unitPrice, ends, costs, ppm }) =>
    bookOf({ unitPrice, tiers: tiersOf(ends, costs), regionFactorsPpm: { local: ppm } }),
  );

/** The rule written the slow way, unit interval by unit interval, to compare with. */
const independentAmount = (book: PriceBook, quantity: bigint): bigint => {
  const [price] = book.prices;
  if (price === undefined) throw new Error("no price");
  const steps = [...(price.tiers ?? []), { upTo: quantity + 1n, ...price.unitPrice }];
  let [numerator, denominator, from] = [0n, 1n, 0n];
  for (const step of steps) {
    const to = quantity < step.upTo ? quantity : step.upTo;
    if (to <= from) continue;
    numerator = numerator * step.per + (to - from) * step.micros * denominator;
    denominator *= step.per;
    from = to;
  }
  return roundHalfEven(numerator * BigInt(price.regionFactorsPpm["local"] ?? 1_000_000), denominator * 1_000_000n);
};

describe("priceLine", () => {
  it("charges half a dollar for 10,000,000 dCU, and shows the rate that it charged", () => {
    expect(
      priceLine({ priceBook: samplePriceBook, sku: "rpc.compute", quantity: 12_340n, region: "local", at }),
    ).toEqual({
      amount: { currency: "USD", micros: 617n },
      unit: "dCU",
      unitPrice: { micros: 500_000n, per: 10_000_000n },
      priceVersion: 1,
    });
    expect(amountOf(samplePriceBook, 10_000_000n)).toBe(500_000n);
    expect(amountOf(sampleDomesticPriceBook, 10_000_000n)).toBe(3_600_000n);
  });

  it("rounds once, half to even", () => {
    expect([10n, 20n, 30n, 50n, 70n].map((quantity) => amountOf(samplePriceBook, quantity))).toEqual([
      0n,
      1n,
      2n,
      2n,
      4n,
    ]);
  });

  it("graduates through tiers, the last rate without end", () => {
    const book = bookOf({
      unitPrice: { micros: "1", per: "1" },
      tiers: [
        { upTo: "100", micros: "0", per: "1" },
        { upTo: "200", micros: "3", per: "1" },
      ],
    });
    expect([0n, 100n, 101n, 200n, 201n, 1000n].map((quantity) => amountOf(book, quantity))).toEqual([
      0n,
      0n,
      3n,
      300n,
      301n,
      1100n,
    ]);
    const line = priceLine({ priceBook: book, sku: "rpc.compute", quantity: 150n, region: "local", at });
    expect(line.tiers).toEqual([
      { quantity: 100n, unitPrice: { micros: 0n, per: 1n } },
      { quantity: 50n, unitPrice: { micros: 3n, per: 1n } },
    ]);
  });

  it("puts the region's factor into the rate that it shows", () => {
    const book = bookOf({ unitPrice: { micros: "2000", per: "3600" }, regionFactorsPpm: { tokyo: 1_150_000 } });
    const line = priceLine({ priceBook: book, sku: "rpc.compute", quantity: 3600n, region: "tokyo", at });
    expect(line.amount.micros).toBe(2300n);
    expect(line.unitPrice).toEqual({ micros: 46_000n, per: 72_000n });
    expect(amountOf(book, 3600n, "elsewhere")).toBe(2000n);
    expect(amountOf(book, 3600n, "constructor")).toBe(2000n);
  });

  it("takes the price in force, the exact name before a family, the longer family before the shorter", () => {
    const node = { unit: "node-second" as const };
    const book = bookOf(
      { validFrom: "2026-01-01T00:00:00Z", version: 1 },
      { validFrom: "2026-11-23T10:00:00Z", version: 2, unitPrice: { micros: "2", per: "1" } },
      { validFrom: "2026-11-23T10:00:01Z", version: 3 },
      { ...node, sku: "node.*", version: 4, validFrom: "2026-11-01T00:00:00Z" },
      { ...node, sku: "node.anvil.*", version: 5 },
      { ...node, sku: "node.anvil.dev.node", version: 6 },
    );
    const versionOf = (sku: string, when = at) =>
      priceLine({ priceBook: book, sku, quantity: 1n, region: "local", at: when }).priceVersion;
    expect(versionOf("rpc.compute")).toBe(2);
    expect(versionOf("rpc.compute", new Date(at.getTime() - 1))).toBe(1);
    expect(versionOf("node.anvil.dev.node")).toBe(6);
    expect(versionOf("node.anvil.standard.node")).toBe(5);
    expect(versionOf("node.besu.dev.validator")).toBe(4);
  });

  it("gives nothing away: no price and a negative quantity are errors", () => {
    const ask =
      (sku: string, quantity: bigint, when = at) =>
      () =>
        priceLine({ priceBook: samplePriceBook, sku, quantity, region: "local", at: when });
    expect(ask("storage.premium", 1n)).toThrow(expect.objectContaining({ code: "internal" }));
    expect(ask("rpc.compute", 1n, new Date("2025-12-31T23:59:59Z"))).toThrow(
      expect.objectContaining({ code: "internal" }),
    );
    expect(ask("rpc.compute", -1n)).toThrow(RangeError);
    expect(missingPrices(samplePriceBook, ["rpc.compute", "storage.premium", "node.x.y.z"], at)).toEqual([
      "storage.premium",
    ]);
  });

  it("agrees with the rule computed independently, at sizes far beyond doubles", () => {
    fc.assert(
      fc.property(books, naturals(10n ** 24n), (book, quantity) => {
        expect(amountOf(book, quantity)).toBe(independentAmount(book, quantity));
      }),
      { numRuns: 500 },
    );
  });

  it("shows rates from which anyone computes the amount again", () => {
    fc.assert(
      fc.property(books, naturals(10n ** 15n), (priceBook, quantity) => {
        const line = priceLine({ priceBook, sku: "rpc.compute", quantity, region: "local", at });
        const parts = line.tiers ?? [{ quantity, unitPrice: line.unitPrice }];
        expect(parts.reduce((sum, part) => sum + part.quantity, 0n)).toBe(quantity);
        const common = parts.reduce((product, part) => product * part.unitPrice.per, 1n);
        const top = parts.reduce(
          (sum, part) => sum + (part.quantity * part.unitPrice.micros * common) / part.unitPrice.per,
          0n,
        );
        expect(line.amount.micros).toBe(roundHalfEven(top, common));
      }),
    );
  });

  it("never charges less for more", () => {
    fc.assert(
      fc.property(
        books,
        naturals(10n ** 13n),
        naturals(10n ** 13n),
        (book, quantity, more) => amountOf(book, quantity) <= amountOf(book, quantity + more),
      ),
    );
  });
});

describe("the cumulative booking rule", () => {
  it("books the price of the sum, however the quantity is portioned over hours", () => {
    fc.assert(
      fc.property(books, fc.array(naturals(10n ** 6n), { minLength: 1, maxLength: 200 }), (book, hours) => {
        let booked: Money = { currency: "USD", micros: 0n };
        let cumulative = 0n;
        for (const quantity of hours) {
          cumulative += quantity;
          const due: Money = { currency: "USD", micros: amountOf(book, cumulative) };
          booked = { currency: "USD", micros: booked.micros + toBooking(due, booked).micros };
          expect(toBooking(due, booked).micros).toBe(0n);
        }
        expect(booked.micros).toBe(
          amountOf(
            book,
            hours.reduce((sum, quantity) => sum + quantity, 0n),
          ),
        );
      }),
      { numRuns: 60 },
    );
  });

  it("is needed: rounding each hour by itself loses what it should not", () => {
    const hours = Array<bigint>(730).fill(9n);
    const apart = hours.reduce((sum, quantity) => sum + amountOf(samplePriceBook, quantity), 0n);
    expect(apart).toBe(0n);
    expect(amountOf(samplePriceBook, 730n * 9n)).toBe(328n);
  });
});

describe("priceBookSchema", () => {
  it("takes the sample book through JSON", () => {
    expect(parsePriceBook(JSON.parse(JSON.stringify(samplePriceBookData)))).toEqual(samplePriceBook);
  });

  const book = (price: object) => ({
    portal: "global",
    version: 1,
    currency: "USD",
    prices: [{ ...priceOf({}), ...price }],
  });
  it.each([
    ["a rate per 0", book({ unitPrice: { micros: "1", per: "0" } })],
    ["a rate as a number", book({ unitPrice: { micros: 1, per: "1" } })],
    ["a fraction", book({ unitPrice: { micros: "0.5", per: "1" } })],
    ["a negative rate", book({ unitPrice: { micros: "-5", per: "1" } })],
    [
      "tiers that fall",
      book({
        tiers: [
          { upTo: "9", micros: "1", per: "1" },
          { upTo: "9", micros: "1", per: "1" },
        ],
      }),
    ],
    ["a factor with a fraction", book({ regionFactorsPpm: { local: 1.5 } })],
    ["a negative factor", book({ regionFactorsPpm: { local: -1 } })],
    ["an unknown unit", book({ unit: "hour" })],
    ["a price newer than its book", book({ version: 2 })],
    ["no prices", { ...book({}), prices: [] }],
    ["two prices from the same moment", { ...book({}), prices: [priceOf({}), priceOf({})] }],
  ])("refuses %s", (_what, data) => {
    expect(() => parsePriceBook(data)).toThrow();
  });
});
