import { describe, expect, it } from "vitest";
import { demandFewValues, mostJsonValues } from "./json-guard.ts";

const arrayOf = (element: string, count: number): string => `[${Array(count).fill(element).join(",")}]`;

describe("demandFewValues", () => {
  it.each(["0", "{}", "[]", '{"a":1}', '""', '"\\""'])("refuses a crowd of %s", (element) => {
    expect(() => demandFewValues(arrayOf(element, mostJsonValues + 1))).toThrow("members and elements");
  });

  it("counts nothing inside of texts, whatever is escaped in them", () => {
    const text = ',[{"\\'.repeat(mostJsonValues);
    expect(() => demandFewValues(JSON.stringify({ [text]: [text, '\\"', "\\"] }))).not.toThrow();
    expect(() => demandFewValues(arrayOf("0", mostJsonValues - 1))).not.toThrow();
  });
});
