import { z } from "zod";
import { DomainError } from "../error.ts";
import { currencySchema, naturalTextSchema } from "./money.ts";
import { skuUnits } from "./sku.ts";

const naturalSchema = naturalTextSchema.transform(BigInt);
const positiveSchema = naturalTextSchema.refine((text) => text !== "0", "Must be more than 0.").transform(BigInt);

const rateShape = { micros: naturalSchema, per: positiveSchema };
const slugSchema = z.string().regex(/^[a-z0-9][a-z0-9-]{0,62}$/);

const priceSchema = z.strictObject({
  /** A sku, or a family of them as `node.*`: the longest name that fits decides. */
  sku: z
    .string()
    .max(200)
    .regex(/^[a-z][a-z0-9-]*(?:\.[a-zA-Z0-9-]+)*(?:\.\*)?$/),
  unit: z.enum(skuUnits),
  /** `micros` of the book's currency for `per` units: of all, or of those past the last tier. */
  unitPrice: z.strictObject(rateShape),
  /**
   * Graduated: units up to the first `upTo` cost the first tier's rate, units from there to the second's the
   * second's, and so on. Counted for each line (sku, subject, region) of a period by itself.
   */
  tiers: z
    .array(z.strictObject({ upTo: positiveSchema, ...rateShape }))
    .max(20)
    .refine(
      (tiers) => tiers.every((tier, index) => index === 0 || tier.upTo > (tiers[index - 1]?.upTo ?? 0n)),
      "Tiers must rise.",
    )
    .optional(),
  /** Parts per million by region slug; 1,000,000 where none is given. */
  regionFactorsPpm: z.record(slugSchema, z.int().min(0).max(1_000_000_000)).default({}),
  validFrom: z.iso.datetime().transform((text) => new Date(text)),
  /** The version of the book that brought this price; a bill line keeps it. */
  version: z.int().min(1),
});

/**
 * A portal's prices, as data (bigints as text; parsed to bigints). A published version never changes: the next one
 * holds the old prices too and adds new ones with a later `validFrom`, so that the newest book prices all the past.
 */
export const priceBookSchema = z
  .strictObject({
    portal: slugSchema,
    version: z.int().min(1),
    currency: currencySchema,
    prices: z.array(priceSchema).min(1).max(10_000),
  })
  .superRefine((book, context) => {
    const seen = new Set<string>();
    for (const [index, price] of book.prices.entries()) {
      const key = `${price.sku} ${price.validFrom.getTime()}`;
      if (seen.has(key)) {
        context.addIssue({ code: "custom", path: ["prices", index], message: "Two prices begin at the same time." });
      }
      if (price.version > book.version) {
        context.addIssue({ code: "custom", path: ["prices", index], message: "The price is newer than its book." });
      }
      seen.add(key);
    }
  });

/** As it is stored and published. */
export type PriceBookData = z.input<typeof priceBookSchema>;
export type PriceBook = z.output<typeof priceBookSchema>;
export type Price = PriceBook["prices"][number];

/** Throws ZodError. */
export const parsePriceBook = (data: unknown): PriceBook => priceBookSchema.parse(data);

const fits = (name: string, sku: string): boolean =>
  name.endsWith(".*") ? sku.startsWith(name.slice(0, -1)) : name === sku;

/** An exact name goes before any family, a longer family before a shorter, a later price before an earlier. */
const goesBefore = (a: Price, b: Price): boolean => {
  if (a.sku !== b.sku) return !a.sku.endsWith(".*") || (b.sku.endsWith(".*") && a.sku.length > b.sku.length);
  return a.validFrom.getTime() > b.validFrom.getTime();
};

const lookUp = (priceBook: PriceBook, sku: string, at: Date): Price | null => {
  let found: Price | null = null;
  for (const price of priceBook.prices) {
    if (price.validFrom.getTime() > at.getTime() || !fits(price.sku, sku)) continue;
    if (found === null || goesBefore(price, found)) found = price;
  }
  return found;
};

/** The price in force at an instant. Throws `internal` when there is none: what has no price is not given away. */
export const findPrice = (priceBook: PriceBook, sku: string, at: Date): Price => {
  const price = lookUp(priceBook, sku, at);
  if (price !== null) return price;
  throw new DomainError({
    code: "internal",
    message: "A price is missing.",
    detail: `The price book of ${priceBook.portal}, version ${priceBook.version}, has no price of ${sku} at ${at.toISOString()}.`,
  });
};

/** The skus without a price, to refuse a catalogue at start-up rather than at the first bill. */
export const missingPrices = (priceBook: PriceBook, skus: readonly string[], at: Date): string[] =>
  skus.filter((sku) => lookUp(priceBook, sku, at) === null);
