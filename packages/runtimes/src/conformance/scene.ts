import type { NodeAddress } from "@portolan/domain";
import { afterAll, beforeAll } from "vitest";
import type { PlacementRef, Runtime } from "../runtime.ts";
import { newPlacement, toSpecs } from "./blueprints.ts";
import type { ConformanceHarness } from "./harness.ts";

const lastFence = 1_000_000n;

export interface Scene {
  harness(): ConformanceHarness;
  runtime(): Runtime;
  /** A new placement with ports for these nodes, at fence 1. */
  place(...nodes: string[]): Promise<{ placement: PlacementRef; addresses: NodeAddress[] }>;
}

/** One harness for the tests of a group; every placement that was made is destroyed at the end. */
export const openScene = (open: () => Promise<ConformanceHarness>): Scene => {
  let harness: ConformanceHarness | undefined;
  let runtime: Runtime | undefined;
  const placements: PlacementRef[] = [];
  const opened = <T>(value: T | undefined): T => {
    if (value === undefined) throw new Error("the harness is not open");
    return value;
  };
  beforeAll(async () => {
    harness = await open();
    runtime = harness.open();
  });
  afterAll(async () => {
    await Promise.all(placements.map((one) => runtime?.destroy(one, { volumes: true, fence: lastFence })));
    await harness?.close();
  });
  return {
    harness: () => opened(harness),
    runtime: () => opened(runtime),
    place: async (...nodes) => {
      const placement = newPlacement();
      placements.push(placement);
      return { placement, addresses: await opened(runtime).reserve(placement, toSpecs(...nodes), 1n) };
    },
  };
};
