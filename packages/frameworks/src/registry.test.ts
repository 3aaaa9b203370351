import { expect, it } from "vitest";
import { loadAsset } from "./assets.ts";
import { createRegistry, findFramework, frameworks } from "./registry.ts";

it("finds frameworks by slug, an operator's own among them", () => {
  expect(findFramework("anvil")).toBe(frameworks.anvil);
  expect(findFramework("toString")).toBeUndefined();
  const own = { ...frameworks.anvil, slug: "own" };
  expect(createRegistry([own]).find("own")).toBe(own);
  expect(createRegistry([own]).list()).toHaveLength(Object.keys(frameworks).length + 1);
  expect(() => createRegistry([frameworks.anvil])).toThrow("two frameworks");
});

it("loads a framework's assets and nothing beside them", () => {
  expect(new TextDecoder().decode(loadAsset("anvil", "state-keeper.mjs"))).toContain("anvil_loadState");
  const paths = [
    "../anvil.ts",
    "..",
    "",
    "/etc/passwd",
    "a/../../anvil.ts",
    "a\\..\\b",
    "%2e%2e/anvil.ts",
    ".env",
    "a\0b",
  ];
  for (const path of paths) expect(() => loadAsset("anvil", path), path).toThrow("not a path");
  expect(() => loadAsset("../anvil", "state-keeper.mjs")).toThrow("not a path");
});
