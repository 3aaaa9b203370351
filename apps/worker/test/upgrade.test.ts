import { afterEach, expect, test } from "vitest";
import { clearPlane, fakePlane, runningNodes, startCounts } from "./support/fake-plane.ts";
import { settle } from "./support/settle.ts";
import { changeChain, lastOperation, type TestChain, wishChain } from "./support/wishes.ts";

const plane = await fakePlane();
afterEach(() => clearPlane(plane));

const load = (id: string) => plane.client.chain.findUniqueOrThrow({ where: { id } });
const versions = async ({ id }: TestChain): Promise<{ [node: string]: string }> => {
  const rows = await plane.client.node.findMany({ where: { chainId: id }, orderBy: { name: "asc" } });
  return Object.fromEntries(rows.map(({ name, version }) => [name, version]));
};
const all = (version: string) => ({ "hub-0": version, "leaf-0": version, "leaf-1": version, "leaf-2": version });
const disks = (chain: TestChain) =>
  [...chain.placements.values()].flatMap((id) =>
    [...(plane.machines.placements.get(id)?.disks ?? [])].map(([node, files]) => [node, files.get("seeds")]),
  );

const upgrade = (chain: TestChain) =>
  changeChain(plane, chain, { kind: "chain.update", wish: "running", version: "1.1.0" });

test("an upgrade goes node by node, each row says what runs, and the data stays", async () => {
  plane.machines.startupMs = 2_000;
  const chain = await wishChain(plane);
  await settle(plane);
  const before = disks(chain);
  const seen: { version: string; count: number; running: number }[] = [];
  plane.watch.gate = async () => {
    const rows = Object.values(await versions(chain));
    const count = rows.filter((version) => version === "1.1.0").length;
    seen.push({ version: "1.1.0", count, running: runningNodes(plane, chain).length });
  };
  await upgrade(chain);
  await settle(plane);
  plane.watch.gate = null;
  expect(await versions(chain)).toEqual(all("1.1.0"));
  expect((await load(chain.id)).version).toBe("1.1.0");
  expect(Math.min(...seen.map(({ running }) => running))).toBe(3);
  // Rows change one after the other, as the nodes do.
  expect([...new Set(seen.map(({ count }) => count))]).toEqual(expect.arrayContaining([0, 1, 2, 3]));
  expect(startCounts(plane, chain)).toEqual({ "hub-0": 2, "leaf-0": 2, "leaf-1": 2, "leaf-2": 2 });
  expect(disks(chain)).toEqual(before);
});

test("its operation lists each node, and what has been done of it", async () => {
  plane.machines.startupMs = 2_000;
  const chain = await wishChain(plane);
  await settle(plane);
  const lists: string[][] = [];
  plane.watch.gate = async () => {
    const { steps } = await lastOperation(plane, chain);
    lists.push(steps.filter(({ key }) => key.startsWith("node/")).map(({ state }) => state));
  };
  await upgrade(chain);
  await settle(plane);
  plane.watch.gate = null;
  const { steps, state } = await lastOperation(plane, chain);
  expect(state).toBe("succeeded");
  const nodes = steps.filter(({ key }) => key.startsWith("node/"));
  expect(nodes.map(({ key }) => key).sort()).toEqual(["node/hub-0", "node/leaf-0", "node/leaf-1", "node/leaf-2"]);
  expect(nodes.every((step) => step.state === "succeeded" && step.endedAt !== undefined)).toBe(true);
  // Never two at a time.
  expect(lists.some((list) => list.includes("succeeded") && list.includes("pending"))).toBe(true);
  expect(Math.max(...lists.map((list) => list.filter((each) => each === "running").length))).toBe(1);
});

test("where the program of that version is missing nothing is touched, and operation and chain say how to get it", async () => {
  const chain = await wishChain(plane);
  await settle(plane);
  plane.machines.missingPrograms.add("node");
  const worker = plane.worker();
  await upgrade(chain);
  await settle(plane, worker, async () => (await lastOperation(plane, chain)).state === "needsAttention");
  expect((await lastOperation(plane, chain)).error).toMatchObject({
    code: "framework.program_missing",
    hint: "Put node on the worker's PATH.",
  });
  expect(startCounts(plane, chain)).toEqual({ "hub-0": 1, "leaf-0": 1, "leaf-1": 1, "leaf-2": 1 });
  expect(runningNodes(plane, chain)).toHaveLength(4);
  expect(await versions(chain)).toEqual(all("1.0.0"));
  const conditions = (await load(chain.id)).conditions as { type: string; status: string; reason: string }[];
  expect(conditions.find(({ type }) => type === "nodesReady")).toMatchObject({
    ...{ status: "false", reason: "program_missing", hint: "Put node on the worker's PATH." },
  });
  expect(conditions.find(({ type }) => type === "endpointReady")).toMatchObject({ status: "true" });
  plane.machines.missingPrograms.clear();
});
