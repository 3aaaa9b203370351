import { expect, it } from "vitest";
import { KubeError } from "../client/kube-error.ts";
import type { KubeObjects } from "../client/objects.ts";
import { createPortLedger } from "./port-ledger.ts";

interface Held {
  metadata: { name: string; resourceVersion: string };
  data: { [number: string]: string };
}

/** One object, as the API server keeps it: what was written since a version was seen refuses a write to that version. */
const keepOne = () => {
  let held: Held | undefined;
  const between: (() => void)[] = [];
  const objects = {
    get: async () => structuredClone(held),
    create: async () => {
      if (held !== undefined) throw new KubeError(409, "AlreadyExists", "it is there");
      held = { metadata: { name: "portolan-entry-ports", resourceVersion: "1" }, data: {} };
      return held;
    },
    patch: async (_kind: unknown, _namespace: unknown, _name: unknown, body: unknown) => {
      between.shift()?.();
      const { metadata, data } = body as { metadata: { resourceVersion: string }; data: Record<string, string | null> };
      if (held === undefined) throw new KubeError(404, "NotFound", "it is gone");
      if (metadata.resourceVersion !== held.metadata.resourceVersion) throw new KubeError(409, "Conflict", "changed");
      for (const [number, owner] of Object.entries(data)) {
        if (owner === null) delete held.data[number];
        else held.data[number] = owner;
      }
      held.metadata.resourceVersion = String(Number(held.metadata.resourceVersion) + 1);
      return held;
    },
  } as unknown as Pick<KubeObjects, "get" | "create" | "patch">;
  return { objects, between, data: () => held?.data ?? {} };
};

const range = { first: 30_300, count: 3 };
const owner = (namespace: string, node = "validator-0") => ({ namespace, node, port: "p2p" });

it("each port has a number of its own, and keeps it", async () => {
  const { objects } = keepOne();
  const ledger = createPortLedger({ objects, namespace: "portolan" });
  const all = ["p-1", "p-2", "p-3"].map((name) => owner(name));
  const numbers = await Promise.all(all.map((one) => ledger.take(one, range)));
  expect(new Set(numbers)).toEqual(new Set([30_300, 30_301, 30_302]));
  expect(await Promise.all(all.map((one) => ledger.take(one, range)))).toEqual(numbers);
  expect(await ledger.placements()).toEqual(new Set(["p-1", "p-2", "p-3"]));
});

it("two workers that take one at the same time don't take the same", async () => {
  const { objects, between } = keepOne();
  const [one, two] = [0, 1].map(() => createPortLedger({ objects, namespace: "portolan" }));
  if (one === undefined || two === undefined) throw new Error("there are no ledgers");
  await one.take(owner("p-0"), range);
  const other: Promise<number>[] = [];
  // After the first has looked, and before it writes.
  between.push(() => other.push(two.take(owner("p-2"), range)));
  const number = await one.take(owner("p-1"), range);
  expect(new Set([30_300, number, ...(await Promise.all(other))]).size).toBe(3);
});

it("says when none is left, until one is given back", async () => {
  const { objects, data } = keepOne();
  const ledger = createPortLedger({ objects, namespace: "portolan" });
  for (const node of ["rpc-0", "rpc-1", "rpc-2"]) await ledger.take(owner("p-1", node), range);
  await expect(ledger.take(owner("p-2"), range)).rejects.toMatchObject({
    code: "runtime.failed",
    hint: "All 3 from 30300 are taken: the region's operator gives it more (--entry-ports).",
  });
  await ledger.release("p-1", new Set(["rpc-0", "rpc-2"]));
  expect(Object.values(data())).toEqual(["p-1/rpc-0/p2p", "p-1/rpc-2/p2p"]);
  expect(await ledger.take(owner("p-2"), range)).toBe(30_301);
  await ledger.release("p-1");
  expect(Object.values(data())).toEqual(["p-2/validator-0/p2p"]);
});

it("a range that was moved gives everybody another, and nobody two", async () => {
  const { objects, data } = keepOne();
  const ledger = createPortLedger({ objects, namespace: "portolan" });
  await ledger.take(owner("p-1"), range);
  expect(await ledger.take(owner("p-1"), { first: 31_000, count: 1 })).toBe(31_000);
  expect(data()).toEqual({ 31000: "p-1/validator-0/p2p" });
});
