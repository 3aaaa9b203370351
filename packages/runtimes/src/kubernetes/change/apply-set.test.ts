import { expect, test } from "vitest";
import { createKubeCache } from "../cache/cache.ts";
import { KubeError } from "../client/kube-error.ts";
import type { KubeObject } from "../client/kube-object.ts";
import { kinds } from "../client/kube-paths.ts";
import type { WriteTurn } from "../context.ts";
import { ensure } from "./ensure.ts";
import { emptyState } from "./placement-state.ts";

const namespace = "p-1";
const toSet = (replicas: number) =>
  ({ kind: "StatefulSet", metadata: { name: "node", namespace }, spec: { replicas } }) as KubeObject;
const ofTemplate = { "f:spec": { "f:template": {} } };

type Stored = KubeObject & { metadata: { managedFields?: { operation: string; manager: string }[] } };

/** An API server with one stateful set at most. `step` is a moment at which a writer may sleep. */
const open = () => {
  let stored: Stored | undefined;
  let version = 0;
  const sent: string[] = [];
  const cache = createKubeCache(() => undefined);
  const refused = () => new KubeError(409, "Conflict", "");
  const store = (object: KubeObject, managedFields: object[] | undefined): Stored => {
    version += 1;
    const metadata = { ...object.metadata, uid: "12345678-0000", resourceVersion: `${version}`, generation: version };
    stored = { ...object, metadata: { ...metadata, managedFields } } as Stored;
    cache.put(kinds.StatefulSet, stored);
    return stored;
  };
  const isOld = ({ metadata }: KubeObject) => metadata.resourceVersion !== stored?.metadata.resourceVersion;
  const turn = (step: () => Promise<void> = async () => undefined) =>
    ({
      namespace,
      cache: createKubeCache(() => undefined),
      state: emptyState(),
      applied: new Map(),
      renewed: new Set(),
      step,
      objects: {
        get: async () => {
          sent.push("get");
          return stored;
        },
        create: async (_kind: unknown, _namespace: string, object: KubeObject) => {
          sent.push("create");
          if (stored !== undefined) throw refused();
          return store(object, [{ manager: "portolan", operation: "Update", fieldsV1: ofTemplate }]);
        },
        patch: async (_kind: unknown, _namespace: string, _name: string, body: Stored) => {
          sent.push("patch");
          if (stored === undefined || isOld(body)) throw refused();
          return store(stored, body.metadata.managedFields);
        },
        apply: async (object: KubeObject) => {
          sent.push("apply");
          // Without a version it is taken, whatever is there.
          if (object.metadata.resourceVersion !== undefined && isOld(object)) throw refused();
          return store(object, stored?.metadata.managedFields);
        },
      },
    }) as unknown as WriteTurn;
  return { turn, sent, cache, now: () => stored };
};

test("the first one is created, and its fields are as if applied", async () => {
  const { turn, sent, now } = open();
  await ensure(turn(), toSet(1));
  expect(sent).toEqual(["create", "patch"]);
  expect(now()?.metadata.managedFields).toEqual([{ manager: "portolan", operation: "Apply", fieldsV1: ofTemplate }]);
});

test("whose maker died before its fields were owned is owned before it is applied", async () => {
  const { turn, sent, now, cache } = open();
  const first = turn();
  first.objects.patch = () => Promise.reject(new Error("died"));
  await expect(ensure(first, toSet(1))).rejects.toThrow("died");
  sent.length = 0;
  await ensure({ ...turn(), cache }, toSet(0));
  expect(sent).toEqual(["get", "patch", "apply"]);
  expect(now()?.metadata.managedFields?.map(({ operation }) => operation)).toEqual(["Apply"]);
  expect(now()).toMatchObject({ spec: { replicas: 0 } });
});

test("a first write that comes late changes nothing of what a successor has made meanwhile", async () => {
  const { turn, now } = open();
  let looks = 0;
  const sleeper = turn(async () => {
    looks += 1;
    // The fence was not raised yet when it was looked at; then, before the write arrives, all of this happens.
    if (looks === 1) await ensure(turn(), toSet(0));
    else throw new Error("refused by its fence");
  });
  await expect(ensure(sleeper, toSet(1))).rejects.toThrow("refused by its fence");
  expect(now()).toMatchObject({ spec: { replicas: 0 } });
});
