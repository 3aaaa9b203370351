import { execFileSync } from "node:child_process";
import { expect, test } from "vitest";
import { octezSigner, octezSpec } from "../../test/octez-spec.ts";
import { documents } from "./documents.ts";
import { makeMaterial } from "./material.ts";

const spec = octezSpec({}, { regions: ["here", "there"] });
const random = { bytes: (size: number) => new Uint8Array(size).fill(7) };

test("a developer gets a script that Node reads, what the chain began with, and nothing secret", async () => {
  const made = await makeMaterial(spec, [], { signer: octezSigner, random, now: new Date("2026-11-23T12:00:00Z") });
  const found = documents(spec, made, null, { http: { there: "https://gateway.example/chn_1" } });
  expect(found.map(({ name }) => name)).toEqual(["connect.mjs", "network.json", "parameters.json"]);
  const [script, network, parameters] = found.map(({ content }) => content);
  execFileSync(process.execPath, ["--input-type=module", "--check"], { input: script ?? "", stdio: "pipe" });
  expect(script).toContain('"https://gateway.example/chn_1"');
  expect(JSON.parse(network ?? "")).toMatchObject({ chainId: expect.stringMatching(/^Net/) });
  expect(JSON.parse(parameters ?? "")).toMatchObject({ protocol: expect.stringMatching(/^PsUshuai/) });
  expect(found.map(({ content }) => content).join("")).not.toMatch(/edsk[1-9A-HJ-NP-Za-km-z]{20}/);
});

test("before anything is made there is the script alone, and that only where the chain can be called", () => {
  expect(documents(spec, [], null, { http: {} })).toEqual([]);
  expect(documents(spec, [], null, { http: { here: "https://gateway.example/chn_1" } })).toHaveLength(1);
});
