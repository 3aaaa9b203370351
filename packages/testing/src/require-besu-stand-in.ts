import { accessSync, chmodSync, constants, copyFileSync, cpSync, mkdirSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { missing } from "./missing.ts";

/** End of life: it runs tests, and nothing else. */
const quorum = "quorum-24.4.1";
const sources = dirname(fileURLToPath(new URL("./besu-stand-in/main.ts", import.meta.url)));

/** A program that is called as `besu` is and runs another maker's QBFT node; see besu-stand-in/main.ts. */
export interface BesuStandIn {
  /** GoQuorum's executable. */
  geth: string;
  /** The stand-in's own sources, which need nothing but Node; `main.ts` looks for `geth` beside it, then beside Node. */
  sources: string;
  /** Lays it into a directory of programs (PORTOLAN_PROGRAMS), where it is found as `besu` of the version. */
  place(programs: string, version: string): void;
}

const place = (geth: string, programs: string, version: string): void => {
  const directory = join(programs, `besu-${version}`);
  mkdirSync(directory, { recursive: true, mode: 0o755 });
  cpSync(sources, directory, { recursive: true, filter: (source) => !source.endsWith(".test.ts") });
  writeFileSync(
    join(directory, "package.json"),
    JSON.stringify({ name: "besu", type: "module", bin: { besu: "main.ts" } }),
  );
  copyFileSync(geth, join(directory, "geth"));
  // Whoever runs nodes is another user than the one who tests.
  for (const path of [programs, directory, join(directory, "geth")]) chmodSync(path, 0o755);
};

/**
 * Undefined after saying in one line that GoQuorum is missing; a failure where PORTOLAN_REQUIRE lists `quorum`, `besu` or
 * `all`. It is looked for in `<PORTOLAN_PROGRAMS, else ~/.portolan/programs>/quorum-24.4.1/geth`.
 */
export const requireBesuStandIn = (): BesuStandIn | undefined => {
  const own = process.env["PORTOLAN_PROGRAMS"] ?? "";
  const geth = join(own === "" ? join(homedir(), ".portolan", "programs") : own, quorum, "geth");
  try {
    accessSync(geth, constants.X_OK);
  } catch {
    return missing(
      ["quorum", "besu"],
      `GoQuorum 24.4.1, which stands in for Besu in tests, was not found: place it at ${geth}`,
    );
  }
  return { geth, sources, place: (programs, version) => place(geth, programs, version) };
};
