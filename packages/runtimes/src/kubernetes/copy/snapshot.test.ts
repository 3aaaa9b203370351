import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { emptyState } from "../change/placement-state.ts";
import type { KubeObject } from "../client/kube-object.ts";
import type { Kind } from "../client/kube-paths.ts";
import type { WriteTurn } from "../context.ts";
import { takeSnapshot } from "./snapshot.ts";

let path = "";
beforeAll(async () => {
  path = await mkdtemp(join(tmpdir(), "portolan-snapshot-"));
});
afterAll(() => rm(path, { recursive: true, force: true }));

const claim = (node: string) => ({
  metadata: { name: `${node}.data`, namespace: "p-1", annotations: { "portolan.dev/volume": `${node}/data` } },
  spec: { resources: { requests: { storage: "1Gi" } } },
});

/** A stopped placement of two volumes, in a cluster whose driver can take no snapshot. */
const openTurn = (step: (name: string) => Promise<void>) => {
  const objects = new Map<string, KubeObject>();
  const keyOf = (kind: string, name: string): string => `${kind}/${name}`;
  const view = { pods: new Map(), sets: new Map(), claims: [claim("peer-0"), claim("peer-1")] };
  const turn = {
    placement: { placementId: "plc_1", chainId: "chn_1", tenantId: "ten_1", region: "here" },
    namespace: "p-1",
    settings: { snapshotClass: "fast" },
    state: emptyState(),
    step,
    save: async () => undefined,
    look: async () => view,
    objects: {
      get: async (kind: Kind, _namespace: string, name: string) => objects.get(keyOf(kind.kind, name)),
      apply: async (manifest: KubeObject & { kind: string }) => {
        const made = { ...manifest, status: { readyToUse: false, error: { message: "the array is full" } } };
        objects.set(keyOf(manifest.kind, manifest.metadata.name), made);
        return made;
      },
      remove: async (kind: Kind, found: KubeObject) => void objects.delete(keyOf(kind.kind, found.metadata.name)),
    },
  };
  return { turn: turn as unknown as WriteTurn, objects };
};

test("a backup that can't be taken leaves no snapshots behind", async () => {
  const { turn, objects } = openTurn(async () => undefined);
  const store = { kind: "directory", path } as const;
  await expect(takeSnapshot(turn, store, "bkp_1")).rejects.toThrow("the array is full");
  expect([...objects.keys()]).toEqual([]);
  expect(turn.state.frozen).toBeUndefined();
});

test("a worker that dies says what is to be cleared away, and does nothing more", async () => {
  const { turn, objects } = openTurn(async (name) => {
    if (name === "VolumeSnapshot.frozen.peer-1.data.apply") throw new Error("crash");
  });
  await expect(takeSnapshot(turn, { kind: "directory", path }, "bkp_2")).rejects.toThrow("crash");
  expect([...objects.keys()]).toEqual(["VolumeSnapshot/frozen.peer-0.data"]);
  expect(turn.state.frozen).toEqual({ backup: "bkp_2", claims: ["peer-0.data", "peer-1.data"] });
});
