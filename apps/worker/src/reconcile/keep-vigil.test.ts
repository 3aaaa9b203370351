import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import type { NodeObservation } from "@portolan/domain";
import { expect, test } from "vitest";
import { keepVigil } from "./keep-vigil.ts";

const node = (name: string, state: NodeObservation["state"]): NodeObservation => ({
  node: name,
  state,
  incarnation: 1,
});

test("a node that was up and is down ends the wait, with its name", async () => {
  let now = [node("orderer-0", "running"), node("peer-0", "running")];
  const vigil = keepVigil({ nodes: now, observe: async () => ({ nodes: now, volumes: [] }), everyMs: 5 });
  now = [node("orderer-0", "running"), node("peer-0", "failed")];
  await once(vigil.signal, "abort");
  expect(vigil.signal.reason).toMatchObject({ code: "step.failed", message: "Node peer-0 went down meanwhile." });
  vigil.end();
});

test("one that was down before, one that starts, one too busy to answer, and a look that fails end nothing", async () => {
  let looks = 0;
  const vigil = keepVigil({
    nodes: [node("a", "stopped"), node("b", "running"), node("c", "running")],
    observe: async () => {
      looks += 1;
      if (looks === 1) throw new Error("not now");
      return { nodes: [node("b", "starting"), { ...node("c", "failed"), reason: "unresponsive" }], volumes: [] };
    },
    everyMs: 2,
  });
  while (looks < 4) await sleep(2);
  expect(vigil.signal.aborted).toBe(false);
  vigil.end();
});
