import { type Money, sumMoney, toWireMoney, type WireMoney } from "./money.ts";
import type { PriceBook } from "./price-book.ts";
import { type PricedLine, priceLine } from "./price-line.ts";
import { computeSku, nodeSku, outsideSku, storageSku, toMebibytes } from "./sku.ts";

/** A month in a quote; a bill counts the hours there were. */
export const hoursPerQuotedMonth = 730n;

export interface QuotedNode {
  framework: string;
  plan: string;
  role: string;
  region: string;
  /** Bytes of storage that this node reserves. */
  storageBytes: bigint;
  /** Callers from outside its region can reach it. */
  isOutside?: boolean;
}

export interface QuoteLine extends PricedLine {
  readonly sku: string;
  readonly region: string;
  readonly quantity: bigint;
  /** True: depends on use that was assumed, not on what is reserved. */
  readonly isAssumption: boolean;
}

export interface MonthlyQuote {
  /** Σ of the lines, exactly. */
  readonly perMonth: Money;
  readonly lines: readonly QuoteLine[];
}

interface Demand {
  sku: string;
  region: string;
  quantity: bigint;
  isAssumption: boolean;
}

const demandOf = (nodes: readonly QuotedNode[]): Demand[] =>
  nodes.flatMap((node) => [
    {
      sku: nodeSku(node.framework, node.plan, node.role),
      region: node.region,
      quantity: hoursPerQuotedMonth * 3600n,
      isAssumption: false,
    },
    {
      sku: storageSku,
      region: node.region,
      quantity: toMebibytes(node.storageBytes) * hoursPerQuotedMonth,
      isAssumption: false,
    },
    {
      sku: outsideSku,
      region: node.region,
      quantity: node.isOutside === true ? hoursPerQuotedMonth * 3600n : 0n,
      isAssumption: false,
    },
  ]);

const merge = (demands: readonly Demand[]): Demand[] => {
  const merged = new Map<string, Demand>();
  for (const demand of demands) {
    const key = JSON.stringify([demand.sku, demand.region, demand.isAssumption]);
    const former = merged.get(key);
    merged.set(key, former === undefined ? demand : { ...former, quantity: former.quantity + demand.quantity });
  }
  return [...merged.values()].filter((demand) => demand.quantity > 0n);
};

/**
 * What a chain's nodes, their storage and, when assumed, its calls cost in a month of 730 hours. Nodes of one sku and
 * region share a line. Throws as `priceLine` does.
 */
export const quoteMonthly = (input: {
  priceBook: PriceBook;
  nodes: readonly QuotedNode[];
  /** Calls assumed for a month, in dCU. */
  compute?: readonly { region: string; dcu: bigint }[];
  at: Date;
}): MonthlyQuote => {
  const assumed = (input.compute ?? []).map((use) => ({
    sku: computeSku,
    region: use.region,
    quantity: use.dcu,
    isAssumption: true,
  }));
  const lines = merge([...demandOf(input.nodes), ...assumed]).map((demand) => ({
    ...demand,
    ...priceLine({ priceBook: input.priceBook, at: input.at, ...demand }),
  }));
  return {
    perMonth: sumMoney(
      input.priceBook.currency,
      lines.map((line) => line.amount),
    ),
    lines,
  };
};

export interface WireUnitPrice {
  micros: string;
  per: string;
}

export interface WirePricedLine {
  quantity: string;
  unit: string;
  unitPrice: WireUnitPrice;
  amount: WireMoney;
  priceVersion: number;
  tiers?: { quantity: string; unitPrice: WireUnitPrice }[];
}

const toWireUnitPrice = (price: { micros: bigint; per: bigint }): WireUnitPrice => ({
  micros: price.micros.toString(),
  per: price.per.toString(),
});

/** The members that lines of quotes and bills share, integers as text. */
export const toWirePricedLine = (line: PricedLine & { quantity: bigint }): WirePricedLine => ({
  quantity: line.quantity.toString(),
  unit: line.unit,
  unitPrice: toWireUnitPrice(line.unitPrice),
  amount: toWireMoney(line.amount),
  priceVersion: line.priceVersion,
  ...(line.tiers === undefined
    ? {}
    : {
        tiers: line.tiers.map((tier) => ({
          quantity: tier.quantity.toString(),
          unitPrice: toWireUnitPrice(tier.unitPrice),
        })),
      }),
});

export interface WireMonthlyQuote {
  perMonth: WireMoney;
  lines: (WirePricedLine & { sku: string; region: string; isAssumption: boolean })[];
}

export const toWireMonthlyQuote = (quote: MonthlyQuote): WireMonthlyQuote => ({
  perMonth: toWireMoney(quote.perMonth),
  lines: quote.lines.map((line) => ({
    sku: line.sku,
    region: line.region,
    ...toWirePricedLine(line),
    isAssumption: line.isAssumption,
  })),
});
