import { join } from "node:path";
import { toName } from "@portolan/domain";
import { checkName } from "../check-name.ts";

/** A relative path that stays where it is joined to; `msp/cacerts/ca.pem` is fine, `../x` and `/x` are not. */
export const checkRelativePath = (path: string): string => {
  for (const part of path.split("/")) checkName(part, "path of a file or volume");
  return path;
};

export type Layout = ReturnType<typeof createLayout>;

/** Where everything of a home lies. Pure: names are functions of ids. */
export const createLayout = (home: string) => {
  const placementName = (placementId: string): string => checkName(toName(placementId), "placement's id");
  const placement = (placementId: string): string => join(home, "placements", placementName(placementId));
  const node = (placementId: string, name: string): string =>
    join(placement(placementId), checkName(name, "node's name"));
  return {
    home,
    placements: join(home, "placements"),
    ports: join(home, "ports"),
    programs: join(home, "programs"),
    /** Outlives the placement's directory: a writer from before its end must stay refused. */
    guard: (placementId: string): string => join(home, "guards", placementName(placementId)),
    placement,
    /** What was laid ready of a snapshot, apart from what it is to replace; on the same disk. */
    staged: (placementId: string): string => join(home, "restores", placementName(placementId)),
    state: (placementId: string): string => join(placement(placementId), "state.json"),
    node,
    volumes: (placementId: string, name: string): string => join(node(placementId, name), "volumes"),
    volume: (placementId: string, name: string, volume: string): string =>
      join(node(placementId, name), "volumes", checkName(volume, "volume's name")),
    /** Scratch volumes lie apart: what is under `volumes` is data, and outlives its node. */
    scratch: (placementId: string, name: string, volume: string): string =>
      join(node(placementId, name), "scratch", checkName(volume, "volume's name")),
    files: (placementId: string, name: string): string => join(node(placementId, name), "files"),
    logs: (placementId: string, name: string): string => join(node(placementId, name), "logs"),
    scratchHome: (placementId: string, name: string): string => join(node(placementId, name), "home"),
    scratchTmp: (placementId: string, name: string): string => join(node(placementId, name), "tmp"),
  };
};
