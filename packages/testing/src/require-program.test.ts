import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, onTestFinished, test, vi } from "vitest";
import { requireProgramSet } from "./require-program.ts";
import { temporaryDirectory } from "./temporary-directory.ts";

const setUp = () => {
  const programs = temporaryDirectory("programs");
  vi.stubEnv("PORTOLAN_PROGRAMS", programs);
  vi.stubEnv("PORTOLAN_REQUIRE", "");
  const warn = vi.spyOn(console, "warn").mockImplementation(() => undefined);
  onTestFinished(() => {
    vi.unstubAllEnvs();
    warn.mockRestore();
  });
  const place = (directory: string, ...names: string[]): void => {
    mkdirSync(join(programs, directory), { recursive: true });
    for (const name of names) writeFileSync(join(programs, directory, name), "#!/bin/sh\n", { mode: 0o755 });
  };
  return { programs, place, warn };
};

test("a set is found only when all its programs are there", () => {
  const { programs, place } = setUp();
  place("fabric-3.1.5", "peer");
  expect(requireProgramSet("fabric")).toBeUndefined();
  place("fabric-3.1.5", "orderer");
  expect(requireProgramSet("fabric")).toEqual({
    version: "3.1.5",
    directory: join(programs, "fabric-3.1.5"),
    paths: { peer: join(programs, "fabric-3.1.5", "peer"), orderer: join(programs, "fabric-3.1.5", "orderer") },
  });
});

test("PORTOLAN_PROGRAMS may hold the programs itself", () => {
  const { programs, place } = setUp();
  place(".", "peer", "orderer");
  expect(requireProgramSet("fabric")?.directory).toBe(programs);
});

test("a missing set is one line, said once, and a failure where it or one of its programs is required", () => {
  const { programs, warn } = setUp();
  expect(requireProgramSet("fabric")).toBeUndefined();
  expect(requireProgramSet("fabric")).toBeUndefined();
  expect(warn.mock.calls).toEqual([
    [
      `SKIPPED: Hyperledger Fabric 3.1.5 (orderer, peer) was not found in ${join(programs, "fabric-3.1.5")}: npm run portolan -- programs install fabric@3.1.5`,
    ],
  ]);
  for (const word of ["fabric", "peer", "redis, all"]) {
    vi.stubEnv("PORTOLAN_REQUIRE", word);
    expect(() => requireProgramSet("fabric")).toThrow("was not found");
  }
  vi.stubEnv("PORTOLAN_REQUIRE", "redis");
  expect(requireProgramSet("fabric")).toBeUndefined();
});
