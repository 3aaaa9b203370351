import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";
import { firstChainId } from "../chain-id.ts";
import { isPublicChain, publicChainsSource } from "./public-chain.ts";

/** Where viem is installed. */
const root = fileURLToPath(new URL("../../../../../", import.meta.url));
const list = JSON.stringify("viem/chains");
const script = `
  import { createRequire } from "node:module";
  import * as chains from ${list};
  const ids = Object.values(chains).map((chain) => chain?.id).filter(Number.isInteger);
  const { version } = createRequire(import.meta.url)("viem/package.json");
  console.log(JSON.stringify({ ids, version }));`;

it("has every chain of the client that it is taken from", () => {
  const args = ["--input-type=module", "--eval", script];
  const { ids, version } = JSON.parse(execFileSync(process.execPath, args, { cwd: root, encoding: "utf8" }));
  expect(publicChainsSource).toContain(`viem ${version} `);
  expect(ids.length).toBeGreaterThan(500);
  expect(ids.filter((id: number) => !isPublicChain(id))).toEqual([]);
});

it("has the networks that everybody knows, and nothing of the plane's own range", () => {
  expect([1, 11_155_111, 560_048, 1_337, 31_337, 137, 424_242].map(isPublicChain)).toEqual([
    true,
    true,
    true,
    true,
    true,
    true,
    false,
  ]);
  for (let serial = 0; serial < 10_000; serial++) expect(isPublicChain(firstChainId + serial)).toBe(false);
});
