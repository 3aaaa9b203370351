import { expect } from "vitest";
import { type FakePlane, runningNodes } from "./fake-plane.ts";
import { operationsOf, partOperationsOf, type TestChain } from "./wishes.ts";

const nodesOf = (settings: unknown): string[] => {
  const leaves = Number((settings as { leaves?: number }).leaves ?? 3);
  return ["hub-0", ...Array.from({ length: leaves }, (_, index) => `leaf-${index}`)];
};

/** What must hold of a chain once everything is quiet, whatever happened on the way. */
export const checkPromises = async (plane: FakePlane, chain: TestChain, label: string): Promise<void> => {
  const row = await plane.client.chain.findUniqueOrThrow({ where: { id: chain.id } });
  const where = { chainId: chain.id };
  const running = runningNodes(plane, chain);
  const placements = [...chain.placements.values()].map((id) => plane.machines.placements.get(id));
  const instances = placements.flatMap((placement) => [...(placement?.instances.keys() ?? [])]).sort();
  const disks = placements.flatMap((placement) => [...(placement?.disks.keys() ?? [])]);
  const material = await plane.client.material.findMany({ where });
  const state = { label, phase: row.phase, running, instances, disks: disks.length };

  // Promises 2 and 6: operations have ended, each live one was the only one.
  const operations = [...(await operationsOf(plane, chain)), ...(await partOperationsOf(plane, chain))];
  for (const { kind, state: ending } of operations) {
    expect(["succeeded", "cancelled"], `${label}: ${kind}`).toContain(ending);
  }
  // Nothing twice: no double start, one genesis, one version of each certificate unless it was renewed.
  expect(plane.machines.doubled, label).toEqual([]);
  expect(row.observedGeneration, label).toBe(row.generation);
  if (row.wish === "purged") {
    const keys = await plane.client.authorityKey.count({ where });
    expect({ ...state, keys, material: material.length }).toEqual({
      label,
      phase: "purged",
      running: [],
      instances: [],
      disks: 0,
      keys: 0,
      material: 0,
    });
    return;
  }
  if (row.wish === "running") await checkTopics(plane, chain, label);
  const wanted = nodesOf(row.settings);
  expect(running, label).toEqual(row.wish === "running" ? wanted : []);
  expect(instances, label).toEqual(wanted);
  expect(
    material.filter((item) => item.name === "genesis"),
    label,
  ).toHaveLength(1);
  expect(
    material.filter((item) => item.version > 1),
    label,
  ).toEqual([]);
  expect(row.phase, label).toBe(row.wish === "running" ? "running" : "paused");
  // One genesis and one job run, as the nodes themselves say.
  const nodes = placements.flatMap((placement) => [...(placement?.instances.values() ?? [])]);
  const statuses = nodes.map(({ node }) => node.status());
  expect(new Set(statuses.map((status) => status.genesisHash)).size, label).toBe(1);
  expect(new Set(statuses.map((status) => status.seeds)), label).toEqual(new Set([1]));
};

/** Each topic is in the network as it is wished, and each deleted one is out of it. */
const checkTopics = async (plane: FakePlane, chain: TestChain, label: string): Promise<void> => {
  const parts = await plane.client.part.findMany({ where: { chainId: chain.id } });
  for (const part of parts) expect(part.observedGeneration, `${label}: ${part.name}`).toBe(part.generation);
  const wanted = Object.fromEntries(
    parts
      .filter(({ deletedAt }) => deletedAt === null)
      .map(({ name, settings }) => [name, (settings as { retentionHours?: number }).retentionHours ?? 24]),
  );
  for (const id of chain.placements.values()) {
    for (const { node } of plane.machines.placements.get(id)?.instances.values() ?? [])
      expect(node.status().retention, `${label}: ${node.status().node}`).toEqual(wanted);
  }
};
