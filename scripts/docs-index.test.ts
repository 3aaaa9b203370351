import { existsSync, readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { expect, test } from "vitest";

const docs = path.resolve(import.meta.dirname, "../docs");
const index = readFileSync(path.join(docs, "README.md"), "utf8");
const linked = [...index.matchAll(/\]\(([^)#]+)/g)].map(([, target = ""]) => target);

test("every page of the documentation has a line in its index", () => {
  const pages = readdirSync(docs, { recursive: true, encoding: "utf8" })
    .map((page) => page.replaceAll(path.sep, "/"))
    // Decisions have an index of their own.
    .filter((page) => page.endsWith(".md") && page !== "README.md" && !/^adr\/\d/.test(page));
  expect(pages.filter((page) => !linked.includes(page))).toEqual([]);
  expect(pages.length).toBeGreaterThan(5);
});

test("the index leads to what is there, and the front page to the index", () => {
  expect(linked.filter((target) => !existsSync(path.join(docs, target)))).toEqual([]);
  expect(readFileSync(path.join(docs, "../README.md"), "utf8")).toContain("(docs/README.md)");
});
