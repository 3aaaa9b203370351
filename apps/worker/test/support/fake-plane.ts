import type { Framework } from "@portolan/frameworks";
import { runSql } from "@portolan/store";
import {
  createFakeFramework,
  createFakeMachines,
  createFakeRuntime,
  type FakeMachines,
  seededClock,
} from "@portolan/testing";
import type { Gate } from "./intercept.ts";
import { type TestPlane, testPlane } from "./plane.ts";
import type { TestChain } from "./wishes.ts";

export interface FakePlane extends TestPlane {
  machines: FakeMachines;
  /** Every start and every moment in between passes here too. */
  watch: { gate: Gate | null };
  /** A later release of Portolan writes every node differently. */
  renderer: { version: number };
}

const withRenderer = (framework: Framework, renderer: FakePlane["renderer"]): Framework => ({
  ...framework,
  blueprint: (...input) =>
    Object.fromEntries(
      Object.entries(framework.blueprint(...input)).map(([region, blueprint]) => [
        region,
        {
          ...blueprint,
          rendererVersion: renderer.version,
          nodes: blueprint.nodes.map((node) => ({ ...node, userId: 1_000 + renderer.version })),
        },
      ]),
    ),
});

/** The plane with the fake framework on machines in memory. */
export const fakePlane = async (): Promise<FakePlane> => {
  const clock = seededClock();
  const machines = createFakeMachines({ clock });
  const watch: FakePlane["watch"] = { gate: null };
  const renderer = { version: 1 };
  const plane = await testPlane({
    clock,
    frameworks: [withRenderer(createFakeFramework(machines.exchange), renderer)],
    runtime: (gate) =>
      createFakeRuntime({
        machines,
        clock,
        checkpoint: async (name) => {
          await gate(`at ${name}`);
          await watch.gate?.(name);
        },
      }),
  });
  return { ...plane, machines, watch, renderer };
};

/** Names of a chain's nodes whose programs run, in order. */
export const runningNodes = (plane: FakePlane, chain: TestChain): string[] =>
  [...chain.placements.values()]
    .flatMap((id) => [...(plane.machines.placements.get(id)?.instances ?? [])])
    .flatMap(([name, instance]) => (instance.isRunning ? [name] : []))
    .sort();

/** How often each node of a chain was started. */
export const startCounts = (plane: FakePlane, chain: TestChain): { [node: string]: number } => {
  const own = new Set(chain.placements.values());
  const counts: { [node: string]: number } = {};
  for (const start of plane.machines.starts) {
    const [placementId = "", node = ""] = start.split("/");
    if (own.has(placementId)) counts[node] = (counts[node] ?? 0) + 1;
  }
  return counts;
};

/** Forgets all chains, so that the next case starts from nothing. */
export const clearPlane = async (plane: FakePlane): Promise<void> => {
  await runSql(
    plane.superuserUrl,
    `truncate chains, backups, placements, nodes, parts, materials, authority_keys, operations, chain_events, usage_hourly,
     usage_batches, log_requests`,
  );
  plane.machines.placements.clear();
  plane.machines.starts.length = 0;
  plane.machines.doubled.length = 0;
  plane.machines.refused = 0;
  plane.machines.missingPrograms.clear();
  plane.machines.startupMs = 0;
  plane.machines.snapshots.clear();
  plane.machines.snapshotFailure = null;
  plane.renderer.version = 1;
};
