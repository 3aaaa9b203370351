export {
  type Bill,
  type BillLine,
  toBill,
  toWireBill,
  type UsageLine,
  type UsageSubject,
  usageHref,
  type WireBill,
} from "./bill.ts";
export { completePriceBook } from "./complete-price-book.ts";
export { roundHalfEven } from "./fraction.ts";
export {
  addMoney,
  currencySchema,
  fromWireMoney,
  integerTextSchema,
  type Money,
  naturalTextSchema,
  renderMoney,
  subtractMoney,
  sumMoney,
  toWireMoney,
  type WireMoney,
  wireMoneySchema,
  zeroMoney,
} from "./money.ts";
export { type Period, parsePeriod, periodOf, periodSchema } from "./period.ts";
export {
  findPrice,
  missingPrices,
  type Price,
  type PriceBook,
  type PriceBookData,
  parsePriceBook,
  priceBookSchema,
} from "./price-book.ts";
export {
  type PricedLine,
  type PricedTier,
  type PriceQuestion,
  priceLine,
  toBooking,
  type UnitPrice,
} from "./price-line.ts";
export {
  hoursPerQuotedMonth,
  type MonthlyQuote,
  type QuotedNode,
  type QuoteLine,
  quoteMonthly,
  toWireMonthlyQuote,
  toWirePricedLine,
  type WireMonthlyQuote,
  type WirePricedLine,
  type WireUnitPrice,
} from "./quote.ts";
export {
  sampleDomesticPriceBook,
  sampleDomesticPriceBookData,
  samplePriceBook,
  samplePriceBookData,
} from "./sample-price-books.ts";
export {
  backupSku,
  computeSku,
  evaluatedSku,
  nodeSku,
  outsideSku,
  type SkuUnit,
  skuUnits,
  storageSku,
  submittedSku,
  syntheticSku,
  toMebibytes,
  transferSku,
} from "./sku.ts";
