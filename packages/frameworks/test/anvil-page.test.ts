import { describe, expect, it } from "vitest";
import { developmentMethods } from "../src/anvil/development-methods.ts";
import { anvilSettings } from "../src/anvil/settings.ts";
import { commonMethods, type MethodTable } from "../src/evm/method-table.ts";
import { openPage } from "./framework-page.ts";

const page = openPage("anvil");

/** Rows of a table of methods, as the page has them. */
const rowsOf = (table: MethodTable): string[] => {
  const names = new Map<number, string[]>();
  for (const [name, { weight }] of Object.entries(table)) names.set(weight, [...(names.get(weight) ?? []), name]);
  return [...names].map(
    ([weight, of]) =>
      `| ${weight} | ${of
        .sort()
        .map((name) => `\`${name}\``)
        .join(" ")} |`,
  );
};

describe("docs/frameworks/anvil.md", () => {
  it("lists the methods of each plan with their weights, and no others", () => {
    const expected = [...rowsOf(commonMethods), ...rowsOf(developmentMethods)];
    const found = page.text.split("\n").filter((line) => /^\| \d+ \| `/.test(line));
    expect(found.sort()).toEqual(expected.sort());
  });

  it("has a row for each setting, with its description", () => page.hasSettings(anvilSettings.shape));
});
