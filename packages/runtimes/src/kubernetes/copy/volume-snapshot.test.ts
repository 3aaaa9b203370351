import { expect, test } from "vitest";
import { judgeSnapshot, renderFrozenClaim, renderVolumeSnapshot } from "./volume-snapshot.ts";

const at = {
  placement: {
    placementId: "plc_01jd0000000000000000000001",
    chainId: "chn_01jd0000000000000000000001",
    tenantId: "ten_01jd0000000000000000000001",
    region: "here",
  },
  namespace: "p-plc-01jd0000000000000000000001",
  settings: { snapshotClass: "fast-snapshots" },
};
const claim = {
  metadata: { name: "peer-0.data", namespace: at.namespace, annotations: { "portolan.dev/volume": "peer-0/data" } },
  spec: { storageClassName: "fast", volumeName: "pv-1", resources: { requests: { storage: "1Gi" } } },
  status: { phase: "Bound", capacity: { storage: "2Gi" } },
};

test("a snapshot is of the claim, and the volume made of it of the same class and as large as any of the three say", () => {
  const snapshot = renderVolumeSnapshot(at, claim, "bkp_1");
  expect(snapshot).toMatchObject({
    apiVersion: "snapshot.storage.k8s.io/v1",
    kind: "VolumeSnapshot",
    metadata: { name: "frozen.peer-0.data", annotations: { "portolan.dev/backup": "bkp_1" } },
    spec: { volumeSnapshotClassName: "fast-snapshots", source: { persistentVolumeClaimName: "peer-0.data" } },
  });
  const copy = renderFrozenClaim(at, claim, { ...snapshot, status: { restoreSize: "3Gi" } }, "bkp_1");
  expect(copy.spec).toEqual({
    accessModes: ["ReadWriteOnce"],
    volumeMode: "Filesystem",
    storageClassName: "fast",
    dataSource: { apiGroup: "snapshot.storage.k8s.io", kind: "VolumeSnapshot", name: "frozen.peer-0.data" },
    resources: { requests: { storage: "3Gi" } },
  });
  expect(renderFrozenClaim(at, claim, snapshot, "bkp_1").spec?.resources).toEqual({ requests: { storage: "2Gi" } });
  // No volume of a node: nobody counts, keeps or restores it as one.
  for (const { metadata } of [snapshot, copy]) {
    expect(metadata.annotations).not.toHaveProperty(["portolan.dev/volume"]);
    expect(metadata.labels).not.toHaveProperty(["portolan.dev/node"]);
  }
});

test.each([
  [undefined, { state: "pending" }],
  [{ readyToUse: false }, { state: "pending" }],
  [{ readyToUse: true, error: { message: "of before" } }, { state: "ready" }],
  [
    { readyToUse: false, error: { message: "no space" } },
    { state: "failed", words: "no space" },
  ],
  [{ error: {} }, { state: "failed", words: "" }],
])("%j", (status, verdict) => {
  expect(judgeSnapshot(status === undefined ? {} : { status })).toEqual(verdict);
});
