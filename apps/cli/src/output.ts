import type { Writable } from "node:stream";

/** Where a command writes. Results go to `out`, everything else to `err`. */
export interface Screen {
  out: Pick<Writable, "write"> & { isTTY?: boolean };
  err: Pick<Writable, "write"> & { isTTY?: boolean };
}

interface WireMoney {
  currency: string;
  micros: string;
}

/** `USD 0.001234`: exact, at least two decimals. */
export const renderMoney = ({ currency, micros }: WireMoney): string => {
  const value = BigInt(micros);
  const digits = (value < 0n ? -value : value).toString().padStart(7, "0");
  const decimals = digits.slice(-6).replace(/0{1,4}$/, "");
  return `${currency} ${value < 0n ? "-" : ""}${digits.slice(0, -6)}.${decimals}`;
};

export type Row = { readonly [column: string]: string | number | boolean | null | undefined };

/** Columns as wide as their longest cell. Control characters, which a name may hold, don't reach the terminal. */
export const renderTable = (rows: readonly Row[], columns: readonly string[]): string => {
  const cells = [
    columns.map((column) => column.replace(/[A-Z]/g, " $&").toUpperCase()),
    ...rows.map((row) => columns.map((column) => clean(String(row[column] ?? "-")))),
  ];
  const widths = columns.map((_, index) => Math.max(...cells.map((line) => (line[index] ?? "").length)));
  return cells
    .map((line) =>
      line
        .map((cell, index) => cell.padEnd(widths[index] ?? 0))
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
};

/** Without control and direction characters. */
export const clean = (text: string): string => text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, "?");

export const writeLine = (stream: Pick<Writable, "write">, line: string): void => {
  stream.write(`${line}\n`);
};
