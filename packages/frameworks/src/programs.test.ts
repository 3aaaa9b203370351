import { expect, test } from "vitest";
import {
  defaultVersionOf,
  findProgramSet,
  installHint,
  programSetOf,
  programSets,
  toProgramArchive,
  toSaidVersion,
} from "./programs.ts";

const fabric = () => {
  const set = findProgramSet("fabric");
  if (set === undefined) throw new Error("no set");
  return set;
};

test("no two sets hold the same program in the same version, and each has one default", () => {
  const all = programSets.flatMap((set) =>
    set.versions.flatMap(({ version }) => set.programs.map((program) => `${program} ${version}`)),
  );
  expect(new Set(all).size).toBe(all.length);
  for (const set of programSets) {
    expect(set.versions.filter(({ isDefault }) => isDefault)).toHaveLength(1);
    for (const { sha256 } of set.versions) {
      for (const digest of Object.values(sha256)) expect(digest).toMatch(/^[0-9a-f]{64}$/);
    }
  }
});

test("the vendor's archive by platform", () => {
  expect(toProgramArchive(fabric(), "3.1.5", "linux-x64")).toEqual({
    url: "https://github.com/hyperledger/fabric/releases/download/v3.1.5/hyperledger-fabric-linux-amd64-3.1.5.tar.gz",
    file: "hyperledger-fabric-linux-amd64-3.1.5.tar.gz",
    release: "https://api.github.com/repos/hyperledger/fabric/releases/tags/v3.1.5",
    sha256: "b9c31fd490991e76f8acb1835dee09fc19fee5428cb13e190ee6e0bdd2c37858",
    directory: "bin",
  });
  expect(toProgramArchive(fabric(), "3.1.5", "darwin-arm64")).not.toHaveProperty("sha256");
  expect(toProgramArchive(fabric(), "3.1.5", "aix-ppc64")).toBeUndefined();
});

test("a program is of a set only in the set's versions", () => {
  expect(programSetOf({ name: "peer", version: defaultVersionOf(fabric()) })).toBe(fabric());
  expect(programSetOf({ name: "peer", version: "1.0.0" })).toBeUndefined();
  expect(programSetOf({ name: "anvil", version: "1.7.1" })).toBeUndefined();
});

test("the version that a program says, as the real ones print it", () => {
  const said = (version: string) => `peer:\n Version: ${version}\n Commit SHA: 86c1172\n Go version: go1.26.8\n`;
  expect(toSaidVersion(fabric(), said("v3.1.5"))).toBe("3.1.5");
  expect(toSaidVersion(fabric(), said("3.1.5"))).toBe("3.1.5");
  expect(toSaidVersion(fabric(), said("latest"))).toBe("latest");
  expect(toSaidVersion(fabric(), "Go version: go1.26.8")).toBeUndefined();
});

test("what Portolan can't fetch is installed from a directory, and the hint says whom to get it from", () => {
  const { archive: _none, ...rest } = fabric();
  const set = { ...rest, byHand: "Its vendor has packages." };
  expect(toProgramArchive(set, "3.1.5", "linux-x64")).toBeUndefined();
  expect(installHint(set, "3.1.5")).toBe(
    "Its vendor has packages. Install it: npm run portolan -- programs install fabric@3.1.5 --from DIRECTORY.",
  );
  expect(installHint(fabric(), "3.1.5")).toBe("Install it: npm run portolan -- programs install fabric@3.1.5.");
});

test("what needs its whole archive around it is not copied: the hint says where it is unpacked", () => {
  const { archive: _none, ...rest } = fabric();
  const set = { ...rest, byHand: "Its vendor has archives.", isUnpackedByHand: true } as const;
  expect(installHint(set, "3.1.5")).toBe(
    "Its vendor has archives. Unpack it whole as fabric-3.1.5 in the programs' directory (PORTOLAN_PROGRAMS, by default ~/.portolan/programs).",
  );
});
