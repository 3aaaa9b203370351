import { chmod, mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type DeclaredRegion, readRegionsFile, runtimeOf, writeRegionsFile } from "./regions-file.ts";

let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "portolan-regions-"));
});
afterAll(() => rm(directory, { recursive: true, force: true }));

const paris: DeclaredRegion = {
  ...{ slug: "paris", name: "Paris", country: "FR", city: "Paris", provider: "p", jurisdiction: "eu", operator: "o" },
  runtime: { kind: "process", extra: 1 },
};

test("what is written is read again, and nobody else may read it", async () => {
  const path = join(directory, "regions.json");
  expect(await readRegionsFile(path)).toBeUndefined();
  await writeRegionsFile(path, [paris]);
  expect((await stat(path)).mode & 0o777).toBe(0o600);
  expect(await readRegionsFile(path)).toEqual([paris]);
  expect(runtimeOf(paris)).toEqual({ kind: "process", settings: { extra: 1 } });
});

test("a file that others may read is refused, with what to do", async () => {
  const path = join(directory, "open.json");
  await writeRegionsFile(path, [paris]);
  await chmod(path, 0o640);
  await expect(readRegionsFile(path)).rejects.toMatchObject({ hint: `chmod 600 ${path}` });
});

test("a region twice, a slug that is none, something else than a list: refused, and the former file stays", async () => {
  const path = join(directory, "kept.json");
  await writeRegionsFile(path, [paris]);
  await expect(writeRegionsFile(path, [paris, paris])).rejects.toThrow("twice");
  await expect(writeRegionsFile(path, [{ ...paris, slug: "P!" }])).rejects.toThrow("lower case");
  expect(JSON.parse(await readFile(path, "utf8"))).toHaveLength(1);
  const broken = join(directory, "broken.json");
  await writeFile(broken, "{", { mode: 0o600 });
  await expect(readRegionsFile(broken)).rejects.toThrow("no JSON");
});
