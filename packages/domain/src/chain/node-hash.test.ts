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

test("what a file for the next start says changes nothing; that it is there, and what others say, does", () => {
  const withFile = (text: string, flags: { isForNextStart?: true }): BlueprintNode => ({
    ...node,
    files: [{ name: "peers.json", content: { text }, mode: 0o644, ...flags }],
  });
  const read = { isForNextStart: true } as const;
  expect(toNodeHash(withFile("[1]", read))).toBe(toNodeHash(withFile("[1,2]", read)));
  expect(toNodeHash(withFile("[1]", {}))).not.toBe(toNodeHash(withFile("[1,2]", {})));
  expect(toNodeHash(withFile("[1]", read))).not.toBe(toNodeHash(node));
});
