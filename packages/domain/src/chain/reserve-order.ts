import { createHash } from "node:crypto";
import { canonicalJson } from "../json.ts";
import type { ChainSpec } from "./spec.ts";
import type { NodeSpec } from "./topology.ts";
import type { WorkOrder } from "./work-order.ts";

/** What an order tells of its chain. */
export const toOrderedChain = (
  spec: Pick<ChainSpec, "chainId" | "framework" | "version" | "settings" | "serial" | "isImported">,
): WorkOrder["chain"] => ({
  chainId: spec.chainId,
  framework: spec.framework,
  version: spec.version,
  settings: spec.settings,
  serial: spec.serial,
  ...(spec.isImported === undefined ? {} : { isImported: spec.isImported }),
});

/** The first order of every placement: addresses, which everything else waits for. `nodes` are this region's. */
export const toReserveOrder = (
  spec: Parameters<typeof toOrderedChain>[0],
  nodes: readonly NodeSpec[],
): Omit<WorkOrder, "generation"> => ({ action: "reserve", nodes, steps: [], chain: toOrderedChain(spec) });

/** Equal for orders that want the same: what tells whether a new one has to be written. */
export const toOrderHash = (order: Omit<WorkOrder, "generation">): string =>
  createHash("sha256").update(canonicalJson(order)).digest("hex");
