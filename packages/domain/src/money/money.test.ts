import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { roundHalfEven } from "./fraction.ts";
import { addMoney, fromWireMoney, renderMoney, sumMoney, toWireMoney } from "./money.ts";
import { parsePeriod, periodOf } from "./period.ts";

const usd = (micros: bigint) => ({ currency: "USD", micros });

describe("roundHalfEven", () => {
  it.each([
    [1n, 2n, 0n],
    [3n, 2n, 2n],
    [5n, 2n, 2n],
    [-1n, 2n, 0n],
    [-3n, 2n, -2n],
    [-5n, 2n, -2n],
    [7n, 3n, 2n],
    [8n, 3n, 3n],
    [-7n, 3n, -2n],
    [-8n, 3n, -3n],
    [1n, -2n, 0n],
    [3n, -2n, -2n],
    [0n, 7n, 0n],
  ])("%s / %s is %s", (numerator, denominator, expected) => {
    expect(roundHalfEven(numerator, denominator)).toBe(expected);
  });

  it("is never further than a half, and even at a half, at any size", () => {
    const big = fc.bigInt({ min: -(10n ** 40n), max: 10n ** 40n });
    const divisors = fc.oneof(fc.bigInt({ min: 1n, max: 20n }), fc.bigInt({ min: 1n, max: 10n ** 20n }));
    fc.assert(
      fc.property(big, divisors, (numerator, denominator) => {
        const rounded = roundHalfEven(numerator, denominator);
        const twice = 2n * (numerator - rounded * denominator);
        const distance = twice < 0n ? -twice : twice;
        return distance < denominator || (distance === denominator && rounded % 2n === 0n);
      }),
    );
  });

  it("refuses to divide by 0", () => {
    expect(() => roundHalfEven(1n, 0n)).toThrow(RangeError);
  });
});

describe("money", () => {
  it("goes over the wire and back without losing a micro", () => {
    fc.assert(
      fc.property(fc.bigInt({ min: -(10n ** 37n), max: 10n ** 37n }), (micros) => {
        expect(fromWireMoney(JSON.parse(JSON.stringify(toWireMoney(usd(micros)))))).toEqual(usd(micros));
      }),
    );
  });

  it.each([
    { currency: "USD", micros: "1.5" },
    { currency: "USD", micros: 1 },
    { currency: "USD", micros: "" },
    { currency: "USD", micros: "-0" },
    { currency: "USD", micros: "01" },
    { currency: "USD", micros: "0x1" },
    { currency: "USD", micros: "1e6" },
    { currency: "USD", micros: "9".repeat(39) },
    { currency: "usd", micros: "1" },
    { currency: "USD", micros: "1", note: "" },
  ])("is not read from %j", (wire) => {
    expect(() => fromWireMoney(wire)).toThrow();
  });

  it("adds exactly, one currency only", () => {
    expect(sumMoney("USD", [usd(9_007_199_254_740_993n), usd(1n)])).toEqual(usd(9_007_199_254_740_994n));
    expect(sumMoney("USD", [])).toEqual(usd(0n));
    expect(() => addMoney(usd(1n), { currency: "CNY", micros: 1n })).toThrow(RangeError);
  });

  it.each([
    [1_234_567n, "1.234567 USD"],
    [500_000n, "0.50 USD"],
    [-1n, "-0.000001 USD"],
    [12_000_000n, "12.00 USD"],
    [0n, "0.00 USD"],
  ])("of %s micros reads %s", (micros, text) => {
    expect(renderMoney(usd(micros))).toBe(text);
  });
});

describe("a period", () => {
  it("is a calendar month in UTC", () => {
    expect(parsePeriod("2026-11")).toEqual({
      period: "2026-11",
      from: new Date("2026-11-01T00:00:00Z"),
      to: new Date("2026-12-01T00:00:00Z"),
    });
    expect(parsePeriod("2026-12").to).toEqual(new Date("2027-01-01T00:00:00Z"));
    expect(parsePeriod("2028-02").to).toEqual(new Date("2028-03-01T00:00:00Z"));
  });

  it("contains the instants from its first to before the next one's first", () => {
    expect(periodOf(new Date("2026-11-30T23:59:59.999Z")).period).toBe("2026-11");
    expect(periodOf(new Date("2026-12-01T00:00:00+01:00")).period).toBe("2026-11");
    expect(periodOf(new Date("2026-12-01T00:00:00Z")).period).toBe("2026-12");
  });

  it.each(["2026-13", "2026-00", "2026-1", "26-11", "2026-11-01", " 2026-11", "2026-11\n", "1999-01", ""])(
    "is not %j",
    (text) => {
      expect(() => parsePeriod(text)).toThrow(expect.objectContaining({ code: "request.invalid" }));
    },
  );
});
