import { type PriceBook, type PriceBookData, parsePriceBook } from "./price-book.ts";

const validFrom = "2026-01-01T00:00:00Z";
const opening = { regionFactorsPpm: {}, validFrom, version: 1 };

const nodePrice = (sku: string, microsPerHour: string, regionFactorsPpm: { [region: string]: number }) => ({
  ...opening,
  sku,
  unit: "node-second" as const,
  unitPrice: { micros: microsPerHour, per: "3600" },
  regionFactorsPpm,
});

const gibibyte = "1073741824";

// 1 GiB for a quoted month: 1,024 MiB × 730 hours.
const gibMonth = "747520";

const globalFactors = { "us-san-francisco": 1_100_000, "br-sao-paulo": 1_250_000, "jp-tokyo": 1_150_000 };

/** Prices of the global portal's first book, as data. $0.50 for a million compute units (10,000,000 dCU). */
export const samplePriceBookData: PriceBookData = {
  portal: "global",
  version: 1,
  currency: "USD",
  prices: [
    { ...opening, sku: "rpc.compute", unit: "dCU", unitPrice: { micros: "500000", per: "10000000" } },
    { ...opening, sku: "rpc.synthetic", unit: "dCU", unitPrice: { micros: "0", per: "1" } },
    { ...opening, sku: "transaction.submitted", unit: "transaction", unitPrice: { micros: "20", per: "1" } },
    { ...opening, sku: "transaction.evaluated", unit: "transaction", unitPrice: { micros: "2", per: "1" } },
    { ...opening, sku: "transfer.bytes", unit: "byte", unitPrice: { micros: "50000", per: gibibyte } },
    {
      ...opening,
      sku: "storage.standard",
      unit: "MiB-hour",
      unitPrice: { micros: "100000", per: gibMonth },
      regionFactorsPpm: globalFactors,
    },
    {
      ...opening,
      sku: "backup.storage",
      unit: "MiB-hour",
      unitPrice: { micros: "50000", per: gibMonth },
      regionFactorsPpm: globalFactors,
    },
    nodePrice("node.anvil.dev.node", "2000", globalFactors),
    nodePrice("node.anvil.standard.node", "12000", globalFactors),
    nodePrice("outside.node", "4000", globalFactors),
    // Whatever has no price of its own.
    nodePrice("node.*", "30000", globalFactors),
  ],
};

/** Prices of the domestic portal's first book, as data. ¥3.60 for a million compute units. */
export const sampleDomesticPriceBookData: PriceBookData = {
  portal: "domestic",
  version: 1,
  currency: "CNY",
  prices: [
    { ...opening, sku: "rpc.compute", unit: "dCU", unitPrice: { micros: "3600000", per: "10000000" } },
    { ...opening, sku: "rpc.synthetic", unit: "dCU", unitPrice: { micros: "0", per: "1" } },
    { ...opening, sku: "transaction.submitted", unit: "transaction", unitPrice: { micros: "144", per: "1" } },
    { ...opening, sku: "transaction.evaluated", unit: "transaction", unitPrice: { micros: "14", per: "1" } },
    { ...opening, sku: "transfer.bytes", unit: "byte", unitPrice: { micros: "360000", per: gibibyte } },
    { ...opening, sku: "storage.standard", unit: "MiB-hour", unitPrice: { micros: "700000", per: gibMonth } },
    { ...opening, sku: "backup.storage", unit: "MiB-hour", unitPrice: { micros: "350000", per: gibMonth } },
    nodePrice("node.anvil.dev.node", "14000", {}),
    nodePrice("node.anvil.standard.node", "85000", {}),
    nodePrice("outside.node", "28000", {}),
    nodePrice("node.*", "210000", {}),
  ],
};

export const samplePriceBook: PriceBook = parsePriceBook(samplePriceBookData);
export const sampleDomesticPriceBook: PriceBook = parsePriceBook(sampleDomesticPriceBookData);
