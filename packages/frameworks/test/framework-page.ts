import { readFileSync } from "node:fs";
import { expect } from "vitest";

const gibibyte = 2 ** 30;

/** A framework's page of the documentation, `docs/frameworks/<slug>.md`. */
export const openPage = (slug: string) => {
  const text = readFileSync(new URL(`../../../docs/frameworks/${slug}.md`, import.meta.url), "utf8");
  /** The row of a table whose first cell is this; empty where there is none. */
  const rowOf = (start: string): string => text.split("\n").find((line) => line.startsWith(`| ${start} |`)) ?? "";
  return {
    text,
    /** Every setting has a row, with the description that the API's schema has. */
    hasSettings: (shape: { readonly [name: string]: { readonly description?: string | undefined } }): void => {
      expect(Object.keys(shape)).not.toEqual([]);
      for (const [name, setting] of Object.entries(shape))
        expect(rowOf(`\`${name}\``), name).toContain(setting.description ?? "described");
    },
    /** First cell → what a plan's cell says; `plans` in the order of the columns. */
    hasPlans: (
      plans: readonly { plan: string }[],
      rows: { readonly [start: string]: (plan: string) => string },
    ): void => {
      for (const [start, of] of Object.entries(rows))
        expect(rowOf(start)).toBe(`| ${start} | ${plans.map(({ plan }) => of(plan)).join(" | ")} |`);
    },
  };
};

export const toGibibytes = (bytes: number): string => `${bytes / gibibyte} GiB`;
