import type { CentrePort, PlacementClaim } from "@portolan/contract";
import { createLogger } from "@portolan/kit";
import type { Runtime } from "@portolan/runtimes";
import { expect, test } from "vitest";
import { stopNodes } from "./stop-nodes.ts";

test("all are stopped, few at a time, and one that fails keeps no other running", async () => {
  const ids = Array.from({ length: 1_000 }, (_, index) => `plc_${index}`);
  let now = 0;
  let most = 0;
  const stopped: string[] = [];
  const released: string[] = [];
  const centre = {
    known: async () => ids,
    claim: async (placementId: string) => {
      now += 1;
      most = Math.max(most, now);
      await Promise.resolve();
      return { placementId, fence: 1n, previousView: null } as PlacementClaim;
    },
    release: async (placementId: string) => {
      released.push(placementId);
      now -= 1;
    },
  } as unknown as CentrePort;
  const runtime = {
    inventory: async () => ids.map((placementId) => ({ kind: "program", placementId })),
    stop: async ({ placementId }: { placementId: string }) => {
      if (placementId === "plc_7") {
        now -= 1;
        throw new Error("refused");
      }
      stopped.push(placementId);
    },
  } as unknown as Runtime;
  const log = createLogger({ name: "test", level: "silent" });
  await stopNodes({ centre, runtimes: new Map([["local", runtime]]), owner: "one", leaseMs: 15_000, log });
  expect(stopped.toSorted()).toEqual(ids.filter((id) => id !== "plc_7").toSorted());
  expect(released).toHaveLength(999);
  expect(most).toBe(32);
});
