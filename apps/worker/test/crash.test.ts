import { expect, test } from "vitest";
import { type CrashCase, crashEverywhere } from "./support/crash-loop.ts";
import { clearPlane, fakePlane, startCounts } from "./support/fake-plane.ts";
import { settle } from "./support/settle.ts";
import { changeChain, lastOperation, type TestChain, wishChain } from "./support/wishes.ts";

const plane = await fakePlane();
const settings = { leaves: 2 };
const longMs = 900_000;

/** A node is started once; a start that nobody could report is seen, not repeated. */
const startedOnce = (chain: TestChain, at: string, times = 1) => {
  expect(startCounts(plane, chain), at).toEqual({ "hub-0": times, "leaf-0": times, "leaf-1": times });
};

const fresh = async (options: Parameters<typeof wishChain>[1] = {}): Promise<TestChain> => {
  await clearPlane(plane);
  return wishChain(plane, { settings, ...options });
};

test("create: a worker may die at any place", { timeout: longMs }, async () => {
  const places = await crashEverywhere(
    plane,
    {
      wish: () => fresh(),
      check: async (chain, at) => startedOnce(chain, at),
    },
    3,
  );
  expect(places).toBeGreaterThan(20);
});

test("change: a worker may die at any place", { timeout: longMs }, async () => {
  let chain: TestChain | null = null;
  let round = 0;
  const change: CrashCase = {
    wish: async () => {
      if (chain === null) {
        chain = await fresh();
        await settle(plane);
      }
      plane.machines.starts.length = 0;
      round += 1;
      await changeChain(plane, chain, {
        kind: "chain.update",
        wish: "running",
        settings: { ...settings, greeting: `round ${round}` },
        topic: `topic-${round}`,
      });
      return chain;
    },
    check: async (changed, at) => {
      startedOnce(changed, at);
      expect((await lastOperation(plane, changed)).state, at).toBe("succeeded");
      for (const id of changed.placements.values()) {
        for (const { node } of plane.machines.placements.get(id)?.instances.values() ?? []) {
          expect(node.status().topics, at).toContain(`topic-${round}`);
        }
      }
    },
  };
  const places = await crashEverywhere(plane, change, 7);
  expect(places).toBeGreaterThan(15);
});

test("pause and resume: a worker may die at any place", { timeout: longMs }, async () => {
  let chain: TestChain | null = null;
  let isPaused = false;
  const turn = (kind: "chain.pause" | "chain.resume", wish: "paused" | "running") => ({
    wish: async () => {
      if (chain === null) {
        chain = await fresh({ plan: "standard" });
        await settle(plane);
      }
      if (isPaused === (wish === "paused")) {
        const back = isPaused
          ? ({ kind: "chain.resume", wish: "running" } as const)
          : ({ kind: "chain.pause", wish: "paused" } as const);
        await changeChain(plane, chain, back);
        await settle(plane);
      }
      plane.machines.starts.length = 0;
      await changeChain(plane, chain, { kind, wish });
      isPaused = wish === "paused";
      return chain;
    },
    check: async (changed: TestChain, at: string) => {
      if (wish === "paused") expect(startCounts(plane, changed), at).toEqual({});
      else startedOnce(changed, at);
    },
  });
  const places = [
    await crashEverywhere(plane, turn("chain.pause", "paused"), 3),
    await crashEverywhere(plane, turn("chain.resume", "running"), 3),
  ];
  expect(Math.min(...places)).toBeGreaterThan(5);
});

test("delete: a worker may die at any place", { timeout: longMs }, async () => {
  const places = await crashEverywhere(
    plane,
    {
      wish: async () => {
        const chain = await fresh();
        await settle(plane);
        await changeChain(plane, chain, { kind: "chain.delete", wish: "deleted" });
        return chain;
      },
      check: async (chain, at) => {
        startedOnce(chain, at);
        expect(await lastOperation(plane, chain), at).toMatchObject({ kind: "chain.purge", state: "succeeded" });
      },
    },
    3,
  );
  expect(places).toBeGreaterThan(12);
});
