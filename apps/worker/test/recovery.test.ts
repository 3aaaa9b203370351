import { DomainError } from "@portolan/domain";
import { expect, test } from "vitest";
import { clearPlane, fakePlane } from "./support/fake-plane.ts";
import type { Gate } from "./support/intercept.ts";
import { leaseMs } from "./support/plane.ts";
import { runDue, settle } from "./support/settle.ts";
import { changeChain, type TestChain, wishChain } from "./support/wishes.ts";

const plane = await fakePlane();

const down: Gate = async (name) => {
  if (!name.startsWith("before runtime.")) return;
  throw new DomainError({ code: "region.unreachable", message: "The region does not answer.", retryable: true });
};

/** Passes of a worker whose regions are silent, until each part of the chain waits for its next try. */
const tryInVain = async (chain: TestChain): Promise<void> => {
  const worker = plane.worker(down);
  while (await runDue(plane, worker));
  const rows = await plane.client.placement.findMany({ where: { chainId: chain.id } });
  expect(rows.map(({ generation, observedGeneration }) => generation > observedGeneration)).toContain(true);
};

const dueNow = async (chain: TestChain): Promise<string[]> => {
  const due = await plane.centre.due(plane.regions, 500);
  return due.filter((id) => [...chain.placements.values()].includes(id)).sort();
};

test("what a silent region kept waiting is due when it is back, a removal too; what has ended stays ended", async () => {
  await clearPlane(plane);
  const chain = await wishChain(plane, { settings: { leaves: 1 } });
  const placements = [...chain.placements.values()].sort();

  await tryInVain(chain);
  expect(await dueNow(chain)).toEqual([]);
  await plane.centre.recheck(plane.regions);
  expect(await dueNow(chain)).toEqual(placements);

  await settle(plane);
  await changeChain(plane, chain, { kind: "chain.purge", wish: "purged" });
  await tryInVain(chain);
  plane.clock.advance(1);
  expect(await dueNow(chain)).toEqual([]);
  await plane.centre.recheck(plane.regions);
  expect(await dueNow(chain)).toEqual(placements);

  await settle(plane);
  plane.clock.advance(leaseMs);
  await plane.centre.recheck(plane.regions);
  expect(await dueNow(chain)).toEqual([]);
});
