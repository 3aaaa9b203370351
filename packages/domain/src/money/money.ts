import { z } from "zod";

/** An amount in 10⁻⁶ units of a currency. Inside a bigint; on the wire a decimal string. */
export interface Money {
  /** ISO 4217 */
  readonly currency: string;
  readonly micros: bigint;
}

export interface WireMoney {
  readonly currency: string;
  readonly micros: string;
}

export const currencySchema = z.string().regex(/^[A-Z]{3}$/, "Write a currency as three capital letters, e.g. USD.");

/** A whole number of any size as text, without leading zeros or `-0`; bounded, as every input. */
export const integerTextSchema = z.string().regex(/^(?:0|-?[1-9][0-9]{0,37})$/, "Write a whole number as text.");
export const naturalTextSchema = z.string().regex(/^(?:0|[1-9][0-9]{0,37})$/, "Write a whole number from 0 as text.");

export const wireMoneySchema = z.strictObject({ currency: currencySchema, micros: integerTextSchema });

export const toWireMoney = (money: Money): WireMoney => ({ currency: money.currency, micros: money.micros.toString() });

/** Throws ZodError when it is not money. */
export const fromWireMoney = (wire: unknown): Money => {
  const { currency, micros } = wireMoneySchema.parse(wire);
  return { currency, micros: BigInt(micros) };
};

export const zeroMoney = (currency: string): Money => ({ currency, micros: 0n });

const demandSame = (a: string, b: string): void => {
  if (a !== b) throw new RangeError(`${a} and ${b} can't be added: convert first.`);
};

/** Throws RangeError when the currencies differ, as all sums here do. */
export const addMoney = (a: Money, b: Money): Money => {
  demandSame(a.currency, b.currency);
  return { currency: a.currency, micros: a.micros + b.micros };
};

export const subtractMoney = (a: Money, b: Money): Money => {
  demandSame(a.currency, b.currency);
  return { currency: a.currency, micros: a.micros - b.micros };
};

/** Exact; `currency` decides what an empty list sums to. */
export const sumMoney = (currency: string, amounts: readonly Money[]): Money =>
  amounts.reduce(addMoney, zeroMoney(currency));

/** `1.234567 USD`, `0.50 USD`: all digits that count, at least two. For people; never parsed. */
export const renderMoney = (money: Money): string => {
  const size = money.micros < 0n ? -money.micros : money.micros;
  const fraction = (size % 1_000_000n)
    .toString()
    .padStart(6, "0")
    .replace(/0{1,4}$/, "");
  return `${money.micros < 0n ? "-" : ""}${size / 1_000_000n}.${fraction} ${money.currency}`;
};
