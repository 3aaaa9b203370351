import { expect, test } from "vitest";
import { createKubeCache } from "../cache/cache.ts";
import type { KubeObject } from "../client/kube-object.ts";
import { findKind, kinds } from "../client/kube-paths.ts";
import type { WriteTurn } from "../context.ts";
import { ensure, findDrift, forgetApplied, recallApplied } from "./ensure.ts";
import { emptyState, type PlacementState } from "./placement-state.ts";

const namespace = "p-1";
const policy = { kind: "NetworkPolicy", metadata: { name: "node", namespace }, spec: {} } as KubeObject;
const secret = {
  kind: "Secret",
  metadata: { name: "node.secret", namespace },
  data: { password: "aHVudGVyMg==" },
} as KubeObject;

/** An API server that takes whatever it is given, and a process before it. */
const open = (cache = createKubeCache(() => undefined)) => {
  let made = 0;
  const sent: string[] = [];
  const process = (state: PlacementState): WriteTurn => {
    const turn = {
      namespace,
      cache,
      state,
      applied: new Map(),
      renewed: new Set(),
      step: () => Promise.resolve(),
      objects: {
        apply: async (manifest: KubeObject) => {
          made += 1;
          sent.push(`${manifest.kind}/${manifest.metadata.name}`);
          const uid = `${made}2345678-0000`;
          const object = { ...manifest, metadata: { ...manifest.metadata, uid, resourceVersion: `${made}` } };
          cache.put(findKind(manifest.kind ?? ""), object);
          return object;
        },
      },
    };
    recallApplied(turn, namespace, state);
    return turn as unknown as WriteTurn;
  };
  return { cache, sent, process };
};

/** As it comes back from an annotation. */
const written = (turn: WriteTurn): PlacementState => JSON.parse(JSON.stringify(turn.state)) as PlacementState;

test("what a process applied the next one knows: it sends nothing, and sees what others changed in between", async () => {
  const { cache, sent, process } = open();
  const first = process(emptyState());
  await ensure(first, policy);
  await ensure(first, secret);

  const second = process(written(first));
  expect(findDrift(second, namespace)).toEqual([]);
  await ensure(second, policy);
  expect(sent).toEqual(["NetworkPolicy/node", "Secret/node.secret"]);
  await ensure(second, { ...policy, spec: { podSelector: {} } } as KubeObject);
  expect(sent).toHaveLength(3);

  const found = cache.find(kinds.NetworkPolicy, namespace, "node") as KubeObject;
  cache.put(kinds.NetworkPolicy, { ...found, metadata: { ...found.metadata, resourceVersion: "9" } });
  cache.absent(kinds.Secret, namespace, "node.secret");
  expect(findDrift(process(written(second)), namespace)).toEqual(["NetworkPolicy/node", "Secret/node.secret"]);
});

test("what is taken away, and what is in a secret, is not written down", async () => {
  const { process } = open();
  const turn = process(emptyState());
  await ensure(turn, policy);
  await ensure(turn, secret);
  const other = process(emptyState());
  await ensure(other, { ...secret, data: { password: "c3dvcmRmaXNo" } } as KubeObject);
  const note = written(turn).applied?.["Secret/node.secret"]?.split("/")[0];
  expect(note).toBe("");
  expect(written(other).applied?.["Secret/node.secret"]?.split("/")[0]).toBe(note);
  forgetApplied(turn, kinds.NetworkPolicy, "node");
  expect(Object.keys(written(turn).applied ?? {})).toEqual(["Secret/node.secret"]);
});
