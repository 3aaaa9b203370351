import type { ChainSpec } from "@portolan/domain";
import type { Framework } from "@portolan/frameworks";
import { createFakeFramework, createFakeMachines, createFakeRuntime, seededClock } from "@portolan/testing";
import { expect, test } from "vitest";
import { testPlane } from "./support/plane.ts";
import { settle } from "./support/settle.ts";
import { changeChain, lastOperation, wishChain } from "./support/wishes.ts";

const clock = seededClock();
const machines = createFakeMachines({ clock });
/** What the network is: leaves that it still counts, whatever is wished. */
const network = { held: [] as string[], letsGo: false, seen: [] as string[] };

/** Leaves are the last ones that were there, so that they are as many more. */
const withLeaving = (spec: ChainSpec): ChainSpec => {
  const leaves = Number(spec.settings["leaves"] ?? 3) + (spec.leaving?.length ?? 0);
  return { ...spec, settings: { ...spec.settings, leaves } };
};

/** The fake network, but its leaves go only when it has let them: a step asks it to. */
const createHoldingFramework = (): Framework => {
  const base = createFakeFramework(machines.exchange);
  return {
    ...base,
    leaving: (spec, _material, view) => {
      const wished = base.topology(spec).map(({ name }) => name);
      const held = (view?.facts["held"] ?? []) as string[];
      return held.filter((name) => !wished.includes(name));
    },
    topology: (spec) => base.topology(withLeaving(spec)),
    material: (spec, ...rest) => base.material(withLeaving(spec), ...rest),
    blueprint: (spec, ...rest) => base.blueprint(withLeaving(spec), ...rest),
    inspect: async (input) => ({ ...(await base.inspect(input)), facts: { held: [...network.held] } }),
    steps: (spec) =>
      (spec.leaving ?? []).map((node) => ({
        ...{ key: `release/${node}`, action: "release", title: `Let ${node} go`, region: spec.regions[0] ?? "", node },
        ...{ dependsOn: [], input: {}, isUndoable: false, timeoutMs: 5_000 },
      })),
    actions: {
      release: async ({ step, access }) => {
        const running = access.observations.filter(({ state }) => state === "running").map(({ node }) => node);
        network.seen.push(...running.filter((node) => node === step.node));
        if (!network.letsGo) throw new Error("it is still counted");
        network.held = network.held.filter((node) => node !== step.node);
        return {};
      },
    },
    rollout: (input) => base.rollout({ ...input, spec: withLeaving(input.spec) }),
  };
};

test("a node that is not wished any more runs on until the network has let it go, and only then stops", async () => {
  const plane = await testPlane({
    clock,
    frameworks: [createHoldingFramework()],
    runtime: () => createFakeRuntime({ machines, clock, checkpoint: async () => undefined }),
  });
  const chain = await wishChain(plane, { settings: { leaves: 3 }, regions: [plane.regions[0] ?? ""] });
  await settle(plane);
  const running = () =>
    [...chain.placements.values()]
      .flatMap((id) => [...(machines.placements.get(id)?.instances ?? [])])
      .flatMap(([name, { isRunning }]) => (isRunning ? [name] : []))
      .sort();
  network.held = ["leaf-0", "leaf-1", "leaf-2"];
  for (let look = 0; look < 3; look++) {
    clock.advance(16_000);
    await settle(plane);
  }
  await changeChain(plane, chain, { kind: "chain.update", wish: "running", settings: { leaves: 2 } });
  await settle(plane);
  expect(running()).toEqual(["hub-0", "leaf-0", "leaf-1", "leaf-2"]);
  expect(network.seen.length).toBeGreaterThan(0);
  expect((await lastOperation(plane, chain)).state).not.toBe("succeeded");

  network.letsGo = true;
  clock.advance(31_000);
  await settle(plane);
  expect(running()).toEqual(["hub-0", "leaf-0", "leaf-1"]);
  expect((await lastOperation(plane, chain)).state).toBe("succeeded");
  expect(machines.starts.filter((start) => start.endsWith("leaf-2"))).toHaveLength(1);
});
