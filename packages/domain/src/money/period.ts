import { z } from "zod";
import { DomainError } from "../error.ts";

/** A calendar month in UTC: `from` is in it, `to` is the first instant after it. A portal's zone changes display only. */
export interface Period {
  /** `2026-11` */
  readonly period: string;
  readonly from: Date;
  readonly to: Date;
}

const pattern = /^(20[0-9]{2})-(0[1-9]|1[0-2])$/;

export const periodSchema = z.string().regex(pattern, "Write a period as 2026-11.");

/** Throws `request.invalid` for anything but `YYYY-MM` of this century. */
export const parsePeriod = (text: string): Period => {
  const match = pattern.exec(text);
  if (match === null) {
    throw new DomainError({ code: "request.invalid", message: "This is not a period.", hint: "Write it as 2026-11." });
  }
  const year = Number(match[1]);
  const month = Number(match[2]);
  return { period: text, from: new Date(Date.UTC(year, month - 1, 1)), to: new Date(Date.UTC(year, month, 1)) };
};

/** The period that an instant lies in. */
export const periodOf = (at: Date): Period => parsePeriod(at.toISOString().slice(0, 7));
