import { type Money, sumMoney, toWireMoney, type WireMoney } from "./money.ts";
import type { Period } from "./period.ts";
import { findPrice, type Price, type PriceBook } from "./price-book.ts";
import { applyPrice, type PricedLine } from "./price-line.ts";
import { toWirePricedLine, type WirePricedLine } from "./quote.ts";

export interface UsageSubject {
  /** `chain`, `endpoint`, `node`, … */
  readonly type: string;
  readonly id: string;
}

/** Usage rolled up as finely as the caller has it: an hour, a day, or a whole period. */
export interface UsageLine {
  readonly sku: string;
  readonly subject: UsageSubject;
  /** Region slug. */
  readonly region: string;
  /** Integer base units, not negative. */
  readonly quantity: bigint;
  /** Beginning of the hour that it was used in: decides the price in force. */
  readonly from: Date;
}

export interface BillLine extends PricedLine {
  readonly sku: string;
  readonly subject: UsageSubject;
  readonly region: string;
  readonly quantity: bigint;
  /** Where the line opens down to its usage. */
  readonly usage: string;
}

export interface Bill {
  readonly appId: string;
  readonly period: string;
  readonly currency: string;
  /** Σ of the lines, exactly. */
  readonly total: Money;
  readonly lines: readonly BillLine[];
}

interface Group {
  sku: string;
  subject: UsageSubject;
  region: string;
  quantity: bigint;
  price: Price;
}

/** `/v1/apps/{app}/usage` narrowed to one line of a period. */
export const usageHref = (
  appId: string,
  period: Period,
  line: Pick<UsageLine, "sku" | "subject" | "region">,
): string => {
  const query = new URLSearchParams({
    from: period.from.toISOString(),
    to: period.to.toISOString(),
    sku: line.sku,
    subject: line.subject.id,
    region: line.region,
  });
  return `/v1/apps/${appId}/usage?${query}`;
};

const demandInside = (line: UsageLine, period: Period): void => {
  if (line.from < period.from || line.from >= period.to) {
    throw new RangeError(`Usage of ${line.from.toISOString()} is not of ${period.period}.`);
  }
  if (line.quantity < 0n) throw new RangeError("Usage is not negative; a correction is an entry of its own.");
};

/** A price that changes inside the period splits a line: each part is priced by the price of its hours. */
const group = (usage: readonly UsageLine[], priceBook: PriceBook, period: Period): Group[] => {
  const groups = new Map<string, Group>();
  for (const line of usage) {
    demandInside(line, period);
    const price = findPrice(priceBook, line.sku, line.from);
    const key = JSON.stringify([
      line.subject.type,
      line.subject.id,
      line.sku,
      line.region,
      price.validFrom.getTime(),
      price.sku,
    ]);
    const former = groups.get(key);
    if (former === undefined) groups.set(key, { ...line, price });
    else former.quantity += line.quantity;
  }
  return [...groups.entries()].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, each]) => each);
};

/**
 * One line per (sku, subject, region) and price in force, in an order that depends on nothing but the usage. The same
 * usage in other portions gives the same bill. Throws RangeError for usage outside the period or below 0, and as
 * `priceLine` when a price is missing.
 */
export const toBill = (input: {
  appId: string;
  usage: readonly UsageLine[];
  priceBook: PriceBook;
  period: Period;
  usageHref?: (line: Pick<UsageLine, "sku" | "subject" | "region">) => string;
}): Bill => {
  const { appId, priceBook, period } = input;
  const href = input.usageHref ?? ((line) => usageHref(appId, period, line));
  const lines = group(input.usage, priceBook, period).map((each) => ({
    sku: each.sku,
    subject: each.subject,
    region: each.region,
    quantity: each.quantity,
    ...applyPrice(each.price, priceBook.currency, each.quantity, each.region),
    usage: href(each),
  }));
  const total = sumMoney(
    priceBook.currency,
    lines.map((line) => line.amount),
  );
  return { appId, period: period.period, currency: priceBook.currency, total, lines };
};

export interface WireBill {
  appId: string;
  period: string;
  currency: string;
  total: WireMoney;
  lines: (WirePricedLine & { sku: string; subject: UsageSubject; region: string; usage: string })[];
}

export const toWireBill = (bill: Bill): WireBill => ({
  appId: bill.appId,
  period: bill.period,
  currency: bill.currency,
  total: toWireMoney(bill.total),
  lines: bill.lines.map((line) => ({
    sku: line.sku,
    subject: line.subject,
    region: line.region,
    ...toWirePricedLine(line),
    usage: line.usage,
  })),
});
