import { describe, expect, it } from "vitest";
import { completePriceBook } from "./complete-price-book.ts";
import { findPrice, parsePriceBook } from "./price-book.ts";
import { sampleDomesticPriceBookData, samplePriceBookData } from "./sample-price-books.ts";

const at = new Date("2026-11-23T00:00:00Z");
const before = (...skus: string[]) => ({
  ...samplePriceBookData,
  prices: samplePriceBookData.prices.filter(({ sku }) => !skus.includes(sku)),
});

describe("completePriceBook", () => {
  it("adds what has no price, as the next version, and keeps what the operator set", () => {
    const current = before("transfer.bytes", "transaction.submitted");
    const own = {
      ...current,
      prices: current.prices.map((price) =>
        price.sku === "rpc.compute" ? { ...price, unitPrice: { micros: "1", per: "1" } } : price,
      ),
    };
    const next = completePriceBook(own, samplePriceBookData, at);
    expect(next?.version).toBe(2);
    const book = parsePriceBook(next);
    expect(findPrice(book, "transfer.bytes", at)).toMatchObject({ version: 2, unitPrice: { micros: 50_000n } });
    expect(findPrice(book, "transaction.submitted", at).version).toBe(2);
    expect(findPrice(book, "rpc.compute", at)).toMatchObject({ version: 1, unitPrice: { micros: 1n, per: 1n } });
    expect(book.prices).toHaveLength(samplePriceBookData.prices.length);
  });

  it("leaves alone a book that lacks nothing, one whose family covers it, and one of another currency", () => {
    expect(completePriceBook(samplePriceBookData, samplePriceBookData, at)).toBeNull();
    expect(completePriceBook(before("node.anvil.dev.node"), samplePriceBookData, at)).toBeNull();
    expect(completePriceBook(before("transfer.bytes"), sampleDomesticPriceBookData, at)).toBeNull();
  });
});
