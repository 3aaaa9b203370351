import { missingPrices, type PriceBookData, parsePriceBook } from "./price-book.ts";

/**
 * The next version of a published book, with the sample's price for each sku that the book prices nowhere; null when
 * nothing is missing. A new release counts new things: without a price of theirs a bill could not be made at all. What
 * the operator priced stays as it is. Books of different currencies have nothing to give each other: null.
 */
export const completePriceBook = (current: PriceBookData, sample: PriceBookData, at: Date): PriceBookData | null => {
  if (current.currency !== sample.currency) return null;
  const skus = sample.prices.map(({ sku }) => sku).filter((sku) => !sku.endsWith(".*"));
  const missing = new Set(missingPrices(parsePriceBook(current), skus, at));
  if (missing.size === 0) return null;
  const version = current.version + 1;
  const added = sample.prices.filter(({ sku }) => missing.has(sku)).map((price) => ({ ...price, version }));
  return { ...current, version, prices: [...current.prices, ...added] };
};
