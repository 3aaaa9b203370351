import type { ProgramSet } from "../program-set.ts";

export const octezVersion = "25.1";

/** Octez' own image of a version; it holds all programs, and the files that they need besides. */
export const octezImage = (version: string): string => `docker.io/tezos/tezos:octez-v${version}`;

const zcash =
  "The programs need the Zcash parameters (sapling-spend.params and sapling-output.params, which Octez' packages bring) in /usr/share/zcash-params or /usr/local/share/zcash-params.";

/** What a Tezos chain runs of Octez: a node, and for bakers the program that makes blocks beside it. */
export const octezPrograms: ProgramSet = {
  name: "octez",
  title: "Octez",
  programs: ["octez-node", "octez-baker"],
  versions: [{ version: octezVersion, isDefault: true, sha256: {} }],
  // `octez-node --version` says "0123abcd (2026-07-20 12:00:00 +0000) (Octez 25.1 (build: 0))".
  says: { args: ["--version"], version: /\(?Octez v?(\d+\.\d+[^\s)]*)/ },
  byHand: `Octez' packages and static programs are at https://octez.tezos.com. ${zcash}`,
  // The end of Octez' own words, which list the places before.
  lacks: { says: /fetch-params\.sh|Zcash params/, hint: zcash },
};
