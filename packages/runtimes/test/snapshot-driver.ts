import { execFileSync } from "node:child_process";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { KubernetesHarness } from "./kubernetes-harness.ts";

const group = "snapshot.storage.k8s.io";

interface Snapshot {
  metadata: { name: string; uid: string };
  spec: { volumeSnapshotClassName: string; source: { persistentVolumeClaimName: string } };
  status?: object;
}
interface Claim {
  metadata: { name: string; namespace: string; uid: string; annotations?: { [name: string]: string } };
  spec: {
    volumeName?: string;
    storageClassName: string;
    dataSource?: { apiGroup: string; kind: string; name: string };
    resources: { requests: { storage: string } };
  };
  status?: { phase?: string };
}
interface Volume {
  spec: { local: { path: string } };
}

const string = { type: "string" };
const object = (properties: object, required: string[] = []) => ({ type: "object", properties, required });

/** Just what is used of the kinds, in words of our own; the real ones come with a cluster's snapshot controller. */
export const snapshotKinds = {
  apiVersion: "apiextensions.k8s.io/v1",
  kind: "CustomResourceDefinition",
  metadata: {
    name: `volumesnapshots.${group}`,
    annotations: { "api-approved.kubernetes.io": "unapproved, of a test's own" },
  },
  spec: {
    group,
    scope: "Namespaced",
    names: { plural: "volumesnapshots", singular: "volumesnapshot", kind: "VolumeSnapshot" },
    versions: [
      {
        name: "v1",
        served: true,
        storage: true,
        subresources: { status: {} },
        schema: {
          openAPIV3Schema: object(
            {
              spec: object(
                {
                  volumeSnapshotClassName: string,
                  source: object({ persistentVolumeClaimName: string }, ["persistentVolumeClaimName"]),
                },
                ["source"],
              ),
              status: object({
                readyToUse: { type: "boolean" },
                restoreSize: string,
                error: object({ message: string }),
              }),
            },
            ["spec"],
          ),
        },
      },
    ],
  },
};

export interface StandIn {
  /** Set: what the next snapshots fail with. */
  failure: string | undefined;
  /** Claims that a snapshot was taken of, in order. */
  readonly taken: string[];
  /** Called once a snapshot is taken, with the directory that it is of. */
  onTaken: (path: string) => void;
  close(): Promise<void>;
}

/**
 * In the place of a CSI driver with its controllers, for the test cluster's directories: a snapshot is a copy of one, and
 * so is a volume that is made of it. Looks at one namespace.
 */
export const startSnapshotDriver = (
  harness: Pick<KubernetesHarness, "kubectl" | "read">,
  namespace: string,
): StandIn => {
  const places = new Map<string, string>();
  const volumes = new Map<string, string>();
  const pathOf = (claim: string): string => {
    const { spec } = harness.read("pvc", claim, "-n", namespace) as Claim;
    return (harness.read("pv", spec.volumeName ?? "") as Volume).spec.local.path;
  };
  const take = ({ metadata: { name, uid }, spec }: Snapshot): void => {
    const path = pathOf(spec.source.persistentVolumeClaimName);
    const place = join(dirname(path), `snapshot-${uid}`);
    const { failure } = state;
    if (failure === undefined) execFileSync("cp", ["-a", path, place]);
    const status = failure === undefined ? { readyToUse: true, restoreSize: "64Mi" } : { error: { message: failure } };
    const patch = JSON.stringify({ status });
    harness.kubectl([
      "patch",
      "volumesnapshot",
      name,
      "-n",
      namespace,
      "--subresource=status",
      "--type=merge",
      "-p",
      patch,
    ]);
    if (failure !== undefined) return;
    places.set(name, place);
    state.taken.push(spec.source.persistentVolumeClaimName);
    state.onTaken(path);
  };
  const provision = ({ metadata, spec }: Claim, place: string, node: string): void => {
    const path = `${place}-${metadata.uid}`;
    execFileSync("cp", ["-a", place, path]);
    volumes.set(metadata.name, path);
    const { name, uid } = metadata;
    harness.kubectl(["create", "-f", "-"], {
      apiVersion: "v1",
      kind: "PersistentVolume",
      metadata: { name: `snapshot-${uid}` },
      spec: {
        capacity: { storage: spec.resources.requests.storage },
        accessModes: ["ReadWriteOnce"],
        storageClassName: spec.storageClassName,
        persistentVolumeReclaimPolicy: "Retain",
        claimRef: { apiVersion: "v1", kind: "PersistentVolumeClaim", name, namespace, uid },
        local: { path },
        nodeAffinity: {
          required: {
            nodeSelectorTerms: [
              { matchExpressions: [{ key: "kubernetes.io/hostname", operator: "In", values: [node] }] },
            ],
          },
        },
      },
    });
    made.push(`snapshot-${uid}`);
  };
  const made: string[] = [];
  const look = (): void => {
    const { items: snapshots } = harness.read("volumesnapshots", "-n", namespace) as { items: Snapshot[] };
    for (const one of snapshots) if (one.status === undefined) take(one);
    const { items: claims } = harness.read("pvc", "-n", namespace) as { items: Claim[] };
    for (const claim of claims) {
      const place = places.get(claim.spec.dataSource?.name ?? "");
      const node = claim.metadata.annotations?.["volume.kubernetes.io/selected-node"];
      const isMade = made.includes(`snapshot-${claim.metadata.uid}`);
      if (place !== undefined && node !== undefined && !isMade) provision(claim, place, node);
    }
  };
  let isOver = false;
  const running = (async () => {
    while (!isOver) {
      look();
      await sleep(100);
    }
  })();
  // A failure is the test's, when it closes this.
  running.catch(() => undefined);
  const state: StandIn = {
    failure: undefined,
    taken: [],
    onTaken: () => undefined,
    close: async () => {
      isOver = true;
      await running;
      for (const name of made) harness.kubectl(["delete", "pv", name, "--ignore-not-found", "--wait=false"]);
      for (const path of [...places.values(), ...volumes.values()]) execFileSync("rm", ["-rf", path]);
    },
  };
  return state;
};
