import type { ProgramSet } from "../program-set.ts";

/** Where the vendor publishes; the same name with another version and platform. */
const vendor = "hyperledger/fabric";

/**
 * What a Fabric network runs of the vendor's release: `peer` and `orderer`. The other programs of the archive make
 * material and channel updates, which Portolan makes itself.
 */
export const fabricPrograms: ProgramSet = {
  name: "fabric",
  title: "Hyperledger Fabric",
  programs: ["orderer", "peer"],
  versions: [
    {
      version: "3.1.5",
      isDefault: true,
      // As public package recipes state it for the vendor's archive. Platforms without a line: the vendor's release is asked.
      sha256: { "linux-x64": "b9c31fd490991e76f8acb1835dee09fc19fee5428cb13e190ee6e0bdd2c37858" },
    },
  ],
  // `peer version` says " Version: v3.1.5"; one that is built from the sources may leave the v out.
  says: { args: ["version"], version: /^\s*Version:\s*v?(\S+)\s*$/m },
  archive: {
    url: `https://github.com/${vendor}/releases/download/v{version}/hyperledger-fabric-{platform}-{version}.tar.gz`,
    release: `https://api.github.com/repos/${vendor}/releases/tags/v{version}`,
    platforms: {
      "linux-x64": "linux-amd64",
      "linux-arm64": "linux-arm64",
      "darwin-x64": "darwin-amd64",
      "darwin-arm64": "darwin-arm64",
    },
    directory: "bin",
  },
};
