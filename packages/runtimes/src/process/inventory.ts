import type { InventoryItem } from "../runtime.ts";
import type { Context } from "./context.ts";
import { listDirectories, listNodeDirectories, listVolumes } from "./observe.ts";

/** Everything of this home that carries our label: running programs, nodes' directories, volumes. */
export const listInventory = (context: Context): InventoryItem[] => {
  const programs = context.table.scan(context.layout.home).map(
    ({ placementId, node, process, pid }): InventoryItem => ({
      placementId,
      node,
      kind: "program",
      name: `${process}#${pid}`,
    }),
  );
  const placed = listDirectories(context.layout.placements).flatMap((directory) => {
    // `plc-…` is `plc_…`: ids have one underscore, and directories none.
    const placementId = directory.replace("-", "_");
    const nodes = listNodeDirectories(context, placementId);
    return [
      ...nodes.map((node): InventoryItem => ({ placementId, node, kind: "directory", name: node })),
      ...listVolumes(context, placementId).map((volume): InventoryItem => {
        const [node = "", name = ""] = volume.split("/");
        return { placementId, node, kind: "volume", name };
      }),
    ];
  });
  return [...programs, ...placed];
};
