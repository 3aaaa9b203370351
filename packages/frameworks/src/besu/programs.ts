import type { ProgramSet } from "../program-set.ts";

/** Besu's distribution: a start script with the jars beside it, run by the machine's own Java. */
export const besuPrograms: ProgramSet = {
  name: "besu",
  title: "Hyperledger Besu",
  programs: ["besu"],
  versions: [
    { version: "26.8.1", isDefault: false, sha256: {} },
    { version: "26.9.0", isDefault: true, sha256: {} },
  ],
  // `besu --version` says "besu/v26.9.0/linux-x86_64/openjdk-java-25".
  says: { args: ["--version"], version: /^besu\/v?([^/\s]+)\//m },
  byHand:
    "Besu's distributions are at https://github.com/besu-eth/besu/releases; they need Java 25 or later as /usr/bin/java, or a script named besu beside bin that sets JAVA_HOME and starts bin/besu.",
  isUnpackedByHand: true,
};
