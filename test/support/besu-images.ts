import type { BesuStandIn } from "@portolan/testing";
import { besuVersion } from "./besu.ts";
import type { RegionImage } from "./cluster-region.ts";
import { nodeLauncher } from "./node-launcher.ts";

/** What stands in for Besu's image, made of this machine's programs; `directory`: for what is made on the way. */
export const besuImages = (standIn: BesuStandIn, directory: string): RegionImage[] => [
  {
    match: `docker.io/hyperledger/besu:${besuVersion}`,
    programs: [nodeLauncher(directory, "besu"), process.execPath, standIn.geth],
    files: { "/app/src": standIn.sources },
  },
];
