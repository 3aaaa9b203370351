import { chmod, mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { ApiRefusal, type ClusterApi } from "./api.ts";
import { createSweeper, type ListedObject, watchList } from "./watched-list.ts";

/** Volumes that stay on their pod's node, that go to any node, and that cannot grow. */
export const storageClasses = {
  node: "portolan-test",
  anywhere: "portolan-test-anywhere",
  fixed: "portolan-test-fixed",
} as const;

const provisioner = "portolan.dev/test-volumes";
const selectedNode = "volume.kubernetes.io/selected-node";
const provisionedBy = "pv.kubernetes.io/provisioned-by";

interface Claim extends ListedObject {
  readonly spec: {
    readonly storageClassName?: string;
    readonly volumeName?: string;
    readonly dataSource?: object;
    readonly accessModes: readonly string[];
    readonly resources: { readonly requests: { readonly storage: string } };
  };
  readonly status?: { readonly phase?: string; readonly capacity?: { readonly storage?: string } };
}

interface Volume extends ListedObject {
  readonly spec: { readonly local?: { readonly path: string } };
  readonly status?: { readonly phase?: string };
}

/** Makes the classes, and from then on a directory of this machine for each claim of theirs. */
export const startVolumes = async (api: ClusterApi, directory: string): Promise<{ close(): void }> => {
  await mkdir(directory, { recursive: true });
  for (const name of Object.values(storageClasses))
    await api.apply(`/apis/storage.k8s.io/v1/storageclasses/${name}`, toClass(name));
  const sweep = createSweeper("volumes", async () => {
    const taken = new Set(volumes.items().map(({ spec }) => spec.local?.path));
    for (const claim of claims.items()) await serve(claim, taken).catch(ignoreGone);
    for (const volume of volumes.items()) await clear(volume).catch(ignoreGone);
  });
  const known = new Set<string>(Object.values(storageClasses));
  const serve = async (claim: Claim, taken: ReadonlySet<string | undefined>): Promise<void> => {
    const { storageClassName: name } = claim.spec;
    if (name === undefined || !known.has(name) || claim.metadata.deletionTimestamp !== undefined) return;
    // It has no snapshots: a volume that is to be made of one is a driver's that has.
    if (claim.spec.dataSource !== undefined && claim.status?.phase !== "Bound") return;
    const has = claim.status?.capacity?.storage;
    const node = claim.metadata.annotations?.[selectedNode];
    if (claim.status?.phase === "Bound" && has !== undefined && has !== claim.spec.resources.requests.storage)
      await grow(api, claim);
    if (claim.status?.phase !== "Pending" || claim.spec.volumeName !== undefined || node === undefined) return;
    const path = join(directory, `pvc-${claim.metadata.uid}`);
    if (taken.has(path)) return;
    await mkdir(path, { recursive: true });
    await chmod(path, 0o777);
    await api.call("POST", "/api/v1/persistentvolumes", toVolume(claim, path, node)).catch(ignoreMade);
  };
  const clear = async ({ metadata, spec, status }: Volume): Promise<void> => {
    if (metadata.annotations?.[provisionedBy] !== provisioner || status?.phase !== "Released") return;
    if (spec.local !== undefined) await rm(spec.local.path, { recursive: true, force: true });
    await api.call("DELETE", `/api/v1/persistentvolumes/${metadata.name}`);
  };
  const volumes = watchList<Volume>(api, "/api/v1/persistentvolumes", sweep);
  const claims = watchList<Claim>(api, "/api/v1/persistentvolumeclaims", sweep);
  return {
    close() {
      claims.close();
      volumes.close();
    },
  };
};

const toClass = (name: string) => ({
  apiVersion: "storage.k8s.io/v1",
  kind: "StorageClass",
  metadata: { name },
  provisioner,
  reclaimPolicy: "Delete",
  volumeBindingMode: "WaitForFirstConsumer",
  allowVolumeExpansion: name !== storageClasses.fixed,
});

/** A `local` volume, since the kubelet gives such a one to the pod's group, which it does not do for hostPath. */
const toVolume = (claim: Claim, path: string, node: string) => {
  const { name, namespace, uid } = claim.metadata;
  const { storageClassName, accessModes, resources } = claim.spec;
  const place =
    storageClassName === storageClasses.anywhere
      ? { key: "kubernetes.io/os", operator: "In", values: ["linux"] }
      : { key: "kubernetes.io/hostname", operator: "In", values: [node] };
  return {
    apiVersion: "v1",
    kind: "PersistentVolume",
    metadata: { name: `pvc-${uid}`, annotations: { [provisionedBy]: provisioner } },
    spec: {
      capacity: { storage: resources.requests.storage },
      accessModes,
      storageClassName,
      persistentVolumeReclaimPolicy: "Delete",
      claimRef: { apiVersion: "v1", kind: "PersistentVolumeClaim", name, namespace, uid },
      local: { path },
      nodeAffinity: { required: { nodeSelectorTerms: [{ matchExpressions: [place] }] } },
    },
  };
};

/** As a driver does it: the volume first, then what the claim says that it has. */
const grow = async (api: ClusterApi, claim: Claim): Promise<void> => {
  const capacity = { storage: claim.spec.resources.requests.storage };
  const merge = "application/merge-patch+json";
  await api.call("PATCH", `/api/v1/persistentvolumes/${claim.spec.volumeName}`, { spec: { capacity } }, merge);
  const path = `/api/v1/namespaces/${claim.metadata.namespace}/persistentvolumeclaims/${claim.metadata.name}/status`;
  await api.call("PATCH", path, { status: { capacity } }, merge);
};

const ignoreGone = (error: unknown): void => {
  if (!(error instanceof ApiRefusal && error.status === 404)) throw error;
};

const ignoreMade = (error: unknown): void => {
  if (!(error instanceof ApiRefusal && error.status === 409)) throw error;
};
