import { chmodSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { findFramework } from "@portolan/frameworks";
import { expect, onTestFinished, test } from "vitest";
import { createProgramFinder, toReachable } from "./programs.ts";

const setUp = () => {
  const root = mkdtempSync(join(tmpdir(), "portolan-finder-"));
  onTestFinished(() => rmSync(root, { recursive: true, force: true }));
  const place = (...parts: string[]): string => {
    const path = join(root, ...parts);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, "#!/bin/sh\n", { mode: 0o755 });
    return path;
  };
  const finder = createProgramFinder({
    searchPath: join(root, "path"),
    programsDir: join(root, "programs"),
    bundled: {},
  });
  return { place, finder, root };
};
const peer = { name: "peer", version: "3.1.5" };

test("a program of a set is found in the set's directory, before one of unknown version on the search path", () => {
  const { place, finder } = setUp();
  const onPath = place("path", "peer");
  expect(finder.find(peer)).toEqual({ path: onPath });
  const installed = place("programs", "fabric-3.1.5", "peer");
  expect(finder.find(peer)).toEqual({ path: installed });
});

test("a missing program of a set comes with the command that installs it, another without", () => {
  const { finder, root } = setUp();
  expect(finder.find(peer)).toMatchObject({
    missing: {
      reason: "program_missing",
      hint: `Install it: npm run portolan -- programs install fabric@3.1.5. Or place it at ${join(root, "programs", "fabric-3.1.5", "peer")}.`,
    },
  });
  expect(finder.find({ name: "other", version: "1" })).toMatchObject({
    missing: {
      hint: `Put other 1 on the worker's PATH. Or place it at ${join(root, "programs", "other-1", "other")}.`,
    },
  });
});

test("what is unpacked whole is not to be placed alone: the hint ends with its directory", () => {
  const { finder, root } = setUp();
  const found = finder.find({ name: "besu", version: "26.9.0" });
  const hint = "missing" in found ? found.missing.hint : "";
  expect(hint).toContain(`Unpack it whole as besu-26.9.0`);
  expect(hint?.endsWith(`Here that is ${join(root, "programs", "besu-26.9.0")}.`)).toBe(true);
});

test("one that is in no set is looked for on the search path first", () => {
  const { place, finder } = setUp();
  const own = place("programs", "other-1", "bin", "other");
  expect(finder.find({ name: "other", version: "1" })).toEqual({ path: own });
  const onPath = place("path", "other");
  expect(finder.find({ name: "other", version: "1" })).toEqual({ path: onPath });
});

test("a Node package in a program's directory gives its script, run by this Node", () => {
  const { finder, root } = setUp();
  const own = join(root, "programs", "mine-2");
  const wanted = { name: "mine", version: "2" };
  mkdirSync(own, { recursive: true });
  writeFileSync(
    join(own, "package.json"),
    JSON.stringify({ name: "mine", bin: { mine: "main.js", other: "gone.js" } }),
  );
  expect(finder.find(wanted)).toHaveProperty("missing");
  writeFileSync(join(own, "main.js"), "");
  expect(finder.find(wanted)).toEqual({ path: process.execPath, script: join(own, "main.js") });
  expect(finder.find({ name: "other", version: "2" })).toHaveProperty("missing");
});

test("the catalogue's chaincode comes with the installation", () => {
  const finder = createProgramFinder({ searchPath: "" });
  for (const name of ["chaincode-asset-transfer", "chaincode-token"]) {
    const found = finder.find({ name, version: "1.0.0" });
    expect(found).toEqual({
      path: process.execPath,
      script: expect.stringMatching(/chaincode\/[a-z-]+\/src\/main\.ts$/),
    });
  }
});

test("a program that came along in another version is not taken for the wanted one, nor is one of unknown version", () => {
  const { place, root } = setUp();
  const came = place("bundle", "anvil");
  const finder = createProgramFinder({
    ...{ searchPath: join(root, "path"), programsDir: join(root, "programs") },
    ...{ bundled: { anvil: () => came }, bundledVersions: { anvil: () => "1.7.1" } },
  });
  expect(finder.find({ name: "anvil", version: "1.7.1" })).toEqual({ path: came });
  place("path", "anvil");
  const wanted = { name: "anvil", version: "1.8.0" };
  const own = join(root, "programs", "anvil-1.8.0", "anvil");
  expect(finder.find(wanted)).toEqual({
    missing: {
      reason: "program_missing",
      message: "The program anvil is here in version 1.7.1, not 1.8.0.",
      hint: `Place anvil 1.8.0 at ${own}, or choose a version whose program is here.`,
    },
  });
  place("programs", "anvil-1.8.0", "anvil");
  expect(finder.find(wanted)).toEqual({ path: own });
});

test("anvil comes with the installation in the version that its framework offers", () => {
  const finder = createProgramFinder({ searchPath: "" });
  const versions = findFramework("anvil")?.versions ?? [];
  expect(versions).not.toEqual([]);
  for (const { version } of versions) expect(finder.find({ name: "anvil", version })).toHaveProperty("path");
  expect(finder.find({ name: "anvil", version: "0.0.1" })).toHaveProperty("missing");
});

test("a program that needs what lies around it is not copied alone for a user who can't reach it", () => {
  const { place, finder, root } = setUp();
  const path = place("programs", "besu-26.9.0", "bin", "besu");
  const found = finder.find({ name: "besu", version: "26.9.0" });
  expect(found).toEqual({ path, isWhole: true });
  if ("missing" in found) throw new Error("it is there");
  const copies = join(root, "copies");
  expect(toReachable(found, copies, undefined)).toEqual({ path });
  chmodSync(root, 0o700);
  const stranger = { name: "stranger", uid: 54_321, gid: 54_321 };
  expect(() => toReachable(found, copies, stranger)).toThrow(/stranger, that programs run as, can't reach/);
  expect(existsSync(copies)).toBe(false);
});
