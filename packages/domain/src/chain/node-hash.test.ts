import { expect, test } from "vitest";
import type { BlueprintNode } from "./blueprint.ts";
import { toNodeHash } from "./node-hash.ts";

const node: BlueprintNode = {
  ...{ name: "peer-0", role: "peer", ordinal: 0, version: "1", processes: [], init: [], jobs: [], files: [] },
  ...{ volumes: [], ports: [], userId: 1000, resources: { cpuMillis: 1, memoryBytes: 1 }, startAfter: ["orderer-0"] },
};

test("a neighbour that comes changes nothing of a node; anything of its own does", () => {
  expect(toNodeHash({ ...node, startAfter: ["orderer-0", "orderer-1"] })).toBe(toNodeHash(node));
  expect(toNodeHash({ ...node, userId: 1001 })).not.toBe(toNodeHash(node));
  expect(toNodeHash(node)).toMatch(/^[0-9a-f]{64}$/);
});
