import { addFractions, type Fraction, greatestCommonDivisor, roundHalfEven } from "./fraction.ts";
import { type Money, subtractMoney } from "./money.ts";
import { findPrice, type Price, type PriceBook } from "./price-book.ts";
import type { SkuUnit } from "./sku.ts";

const million = 1_000_000n;

/** `micros` for `per` base units. */
export interface UnitPrice {
  readonly micros: bigint;
  readonly per: bigint;
}

/** How much of a quantity went at which rate, in the order of the tiers. */
export interface PricedTier {
  readonly quantity: bigint;
  readonly unitPrice: UnitPrice;
}

export interface PricedLine {
  readonly amount: Money;
  readonly unit: SkuUnit;
  /** With the region's factor in it, so that round-half-even(quantity × micros ÷ per) is the amount. With tiers: the
   * rate that the last unit went at. */
  readonly unitPrice: UnitPrice;
  readonly priceVersion: number;
  /** Only when the price has tiers: Σ of quantity × micros ÷ per, rounded once, is the amount. */
  readonly tiers?: readonly PricedTier[];
}

export interface PriceQuestion {
  priceBook: PriceBook;
  sku: string;
  /** Integer base units, not negative. */
  quantity: bigint;
  /** Region slug. */
  region: string;
  /** When it was used: decides which price is in force. */
  at: Date;
}

const inRegion = (rate: UnitPrice, factorPpm: bigint): UnitPrice => {
  if (factorPpm === million) return { micros: rate.micros, per: rate.per };
  const divisor = greatestCommonDivisor(factorPpm, million);
  return { micros: rate.micros * (factorPpm / divisor), per: rate.per * (million / divisor) };
};

/** The quantity cut at the tiers' limits; at least one part, of quantity 0 when there is none. */
const splitByTiers = (price: Price, quantity: bigint, factorPpm: bigint): PricedTier[] => {
  const parts: PricedTier[] = [];
  let from = 0n;
  for (const tier of price.tiers ?? []) {
    if (quantity <= from && parts.length > 0) return parts;
    const upTo = quantity < tier.upTo ? quantity : tier.upTo;
    parts.push({ quantity: upTo - from, unitPrice: inRegion(tier, factorPpm) });
    from = upTo;
  }
  if (quantity > from || parts.length === 0) {
    parts.push({ quantity: quantity - from, unitPrice: inRegion(price.unitPrice, factorPpm) });
  }
  return parts;
};

const exactAmount = (parts: readonly PricedTier[]): Fraction =>
  parts.reduce<Fraction>(
    (sum, part) =>
      addFractions(sum, { numerator: part.quantity * part.unitPrice.micros, denominator: part.unitPrice.per }),
    { numerator: 0n, denominator: 1n },
  );

const factorOf = (price: Price, region: string): bigint =>
  BigInt(Object.hasOwn(price.regionFactorsPpm, region) ? (price.regionFactorsPpm[region] ?? 1_000_000) : 1_000_000);

/** Prices a quantity by a price already found. */
export const applyPrice = (price: Price, currency: string, quantity: bigint, region: string): PricedLine => {
  if (quantity < 0n) throw new RangeError("A quantity is not negative; a correction is an entry of its own.");
  const parts = splitByTiers(price, quantity, factorOf(price, region));
  const exact = exactAmount(parts);
  const last = parts.at(-1)?.unitPrice ?? price.unitPrice;
  return {
    amount: { currency, micros: roundHalfEven(exact.numerator, exact.denominator) },
    unit: price.unit,
    unitPrice: { micros: last.micros, per: last.per },
    priceVersion: price.version,
    ...(price.tiers === undefined ? {} : { tiers: parts }),
  };
};

/**
 * The one pricing function, of quotes and of bills. Exact in rationals, rounded once, half to even, to a micro.
 * Throws RangeError for a negative quantity and DomainError `internal` when nothing prices the sku.
 */
export const priceLine = (question: PriceQuestion): PricedLine =>
  applyPrice(
    findPrice(question.priceBook, question.sku, question.at),
    question.priceBook.currency,
    question.quantity,
    question.region,
  );

/**
 * The cumulative booking rule: each hour books the rounded amount of all that the line has counted so far, less what
 * is booked. The sum of the bookings is then the price of the sum, to the micro, however often it is booked; rounding
 * each hour by itself would drift by up to half a micro an hour. Booking twice books nothing the second time.
 */
export const toBooking = (cumulative: Money, booked: Money): Money => subtractMoney(cumulative, booked);
