import { expect, it } from "vitest";
import { checkMemory } from "./facts.ts";

it("where pods have no resources of their own, a note says what that means for a node's memory", () => {
  const of = (podResources: boolean) => checkMemory({ features: { podResources, stopSignal: false } });
  expect(of(true)).toMatchObject({ check: "memory", state: "ok" });
  expect(of(false)).toMatchObject({ check: "memory", state: "note", fix: expect.stringContaining("1.34") });
});
