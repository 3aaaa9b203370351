import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createProgramFinder, type DeclaredRegion } from "@portolan/runtimes";
import { seededClock } from "@portolan/testing";
import { afterAll, beforeAll, expect, test } from "vitest";
import { serveRegions } from "./regions.ts";

let home: string;
beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), "portolan-regions-"));
});
afterAll(() => rm(home, { recursive: true, force: true }));

const deps = () => ({
  home,
  clock: seededClock(),
  log: { info: () => undefined, warn: () => undefined },
  programs: createProgramFinder({ searchPath: "" }),
});
const declared = (slug: string, runtime: DeclaredRegion["runtime"]): DeclaredRegion => ({
  ...{ slug, name: slug, country: "FR", city: "Paris", provider: "p", jurisdiction: "eu", operator: "o" },
  runtime,
});

test("without a file the worker serves its own machine; with one, all that it declares too", () => {
  expect(serveRegions(undefined, [], deps()).slugs).toEqual(["local"]);
  const { slugs, runtimes } = serveRegions(undefined, [declared("paris", { kind: "process" })], deps());
  expect(slugs).toEqual(["local", "paris"]);
  // The same kind with the same settings: two of them would fight for one home.
  expect(runtimes.get("paris")).toBe(runtimes.get("local"));
});

test("what is wished is served and nothing else", () => {
  expect(serveRegions(["a"], [declared("paris", { kind: "process" })], deps()).slugs).toEqual(["a"]);
});

test("a region that can't be made fails by itself, with the reason, and the others work", async () => {
  const { runtimes } = serveRegions(undefined, [declared("moon", { kind: "rocket" })], deps());
  await expect(runtimes.get("moon")?.inventory()).rejects.toThrow("There is no runtime rocket.");
  expect(runtimes.get("moon")?.capabilities.exposures).toEqual([]);
  expect(await runtimes.get("local")?.inventory()).toEqual([]);
});
