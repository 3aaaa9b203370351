import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import type { Plane } from "./plane.ts";

/** Where the volumes of a chain's first node are, by what the runtime knows of its placements. */
const dataOf = (plane: Plane, chainId: string): string => {
  const placements = join(plane.home, "nodes", "placements");
  const found = readdirSync(placements).find(
    (name) => JSON.parse(readFileSync(join(placements, name, "state.json"), "utf8")).chainId === chainId,
  );
  if (found === undefined) throw new Error(`${chainId} has no placement on this machine`);
  return join(placements, found, "node-0", "volumes", "data");
};

/** The height of what an anvil's state keeper has written down last: what a kill leaves. */
export const writtenHeight = (plane: Plane, chainId: string): number => {
  const bytes = readFileSync(join(dataOf(plane, chainId), "state.gz"));
  const state: { best_block_number?: unknown; block?: { number?: unknown } } = JSON.parse(gunzipSync(bytes).toString());
  const height = Number(state.best_block_number ?? state.block?.number);
  if (!Number.isInteger(height)) throw new Error("the state that was written down tells no height");
  return height;
};
