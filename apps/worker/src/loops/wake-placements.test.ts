import { expect, test } from "vitest";
import { createPlacementWaker } from "./wake-placements.ts";

test("own placements are reconciled here, those of other regions are woken by their region's queue", () => {
  const here: string[] = [];
  const sent: unknown[] = [];
  const wake = createPlacementWaker({
    regions: ["eu-paris"],
    reconcile: (id) => here.push(id),
    producer: {
      wake: async (name, payload) => {
        sent.push([name, payload]);
        return true;
      },
    },
  });
  wake([
    { id: "plc_own", region: "eu-paris" },
    { id: "plc_other", region: "us-east" },
  ]);
  expect(here).toEqual(["plc_own"]);
  expect(sent).toEqual([["placement.reconcile", { placementId: "plc_other", region: "us-east" }]]);
});
