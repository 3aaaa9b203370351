import type { KubeClient } from "../client/client.ts";
import { isStatus } from "../client/kube-error.ts";
import type { KubeObject, ListOf } from "../client/kube-object.ts";
import { hasDigest, toImage } from "../images.ts";
import type { KubernetesSettings } from "../settings.ts";
import type { Connection } from "./connect.ts";
import { type Finding, note, ok, wrong } from "./finding.ts";

/** Restartable init containers on by default with their order at the end of a pod kept. */
const oldestMinor = 31;
const podResourcesMinor = 34;

export const checkVersion = (
  { version }: Pick<Connection, "version">,
  settings: Pick<KubernetesSettings, "features">,
): Finding => {
  const { major, minor, text } = version;
  if (!(major > 1 || (major === 1 && minor >= oldestMinor)))
    return wrong("version", `Kubernetes ${text} is too old.`, `Upgrade it to 1.${oldestMinor} or newer.`);
  if (settings.features.podResources && major === 1 && minor < podResourcesMinor)
    return wrong(
      "version",
      `Kubernetes ${text} has no resources of a pod as a whole, which the region's settings speak of.`,
      `Add the region with --no-pod-resources, or upgrade to 1.${podResourcesMinor}.`,
    );
  return ok("version", `Kubernetes ${text}`);
};

/** A node of several programs has one plan. */
export const checkMemory = ({ features }: Pick<KubernetesSettings, "features">): Finding =>
  features.podResources
    ? ok("memory", "a node's programs share the memory of its plan")
    : note(
        "memory",
        "each program of a node may use as much memory as its plan has for all of them",
        `Use Kubernetes 1.${podResourcesMinor} or newer, and add the region without --no-pod-resources.`,
      );

interface StorageClass extends KubeObject {
  provisioner?: string;
  allowVolumeExpansion?: boolean;
  reclaimPolicy?: string;
}

const defaultClass = "storageclass.kubernetes.io/is-default-class";
const storage = "storage";

/** The class of chains' volumes, and the names of all. */
const findStorage = async (
  client: Pick<KubeClient, "request">,
  { storageClass }: Pick<KubernetesSettings, "storageClass">,
): Promise<{ found: StorageClass | undefined; names: string }> => {
  const list = await client.request<ListOf<StorageClass>>({
    method: "GET",
    path: "/apis/storage.k8s.io/v1/storageclasses",
  });
  const items = list.items ?? [];
  const found = items.find(({ metadata }) =>
    storageClass === undefined ? metadata.annotations?.[defaultClass] === "true" : metadata.name === storageClass,
  );
  return { found, names: items.map(({ metadata }) => metadata.name).join(", ") || "none" };
};

export const checkStorage = async (
  client: Pick<KubeClient, "request">,
  settings: Pick<KubernetesSettings, "storageClass">,
): Promise<Finding[]> => {
  const { storageClass } = settings;
  const { found, names } = await findStorage(client, settings);
  if (found === undefined) {
    const message =
      storageClass === undefined
        ? "The cluster has no default storage class."
        : `There is no storage class ${storageClass}.`;
    return [wrong(storage, message, `Name one with --storage-class: ${names}.`)];
  }
  const { name } = found.metadata;
  if (found.allowVolumeExpansion === true) return [ok(storage, `class ${name}; its volumes can grow`)];
  return [
    note(
      storage,
      `volumes of the class ${name} can't grow: a chain's storage is what it was made with`,
      `Set allowVolumeExpansion: true where its driver (${found.provisioner ?? "unknown"}) can.`,
    ),
  ];
};

interface SnapshotClass extends KubeObject {
  driver?: string;
}

const listSnapshotClasses = async (client: Pick<KubeClient, "request">): Promise<SnapshotClass[]> => {
  try {
    const { items } = await client.request<ListOf<SnapshotClass>>({
      method: "GET",
      path: "/apis/snapshot.storage.k8s.io/v1/volumesnapshotclasses",
    });
    return items ?? [];
  } catch (error) {
    if (isStatus(error, 403, 404)) return [];
    throw error;
  }
};

const snapshots = "snapshots";

/** Copies go to the worker's own store; from snapshots of the cluster's only where the region's settings name a class. */
export const checkSnapshots = async (
  client: Pick<KubeClient, "request">,
  settings: Pick<KubernetesSettings, "storageClass" | "snapshotClass">,
): Promise<Finding> => {
  const classes = await listSnapshotClasses(client);
  const { found } = await findStorage(client, settings);
  const provisioner = found?.provisioner;
  const fitting = classes.filter(({ driver }) => driver !== undefined && driver === provisioner);
  const { snapshotClass } = settings;
  if (snapshotClass === undefined) {
    const [first] = fitting;
    if (first === undefined)
      return ok(snapshots, "backups are copied by a pod; no snapshots of the cluster's are needed");
    const name = first.metadata.name;
    return ok(snapshots, `backups are copied by a pod; --snapshot-class ${name} would copy them from snapshots`);
  }
  if (fitting.some(({ metadata }) => metadata.name === snapshotClass))
    return ok(snapshots, `backups are copied from snapshots of the class ${snapshotClass}; none was taken for this`);
  const names = fitting.map(({ metadata }) => metadata.name).join(", ");
  return wrong(
    snapshots,
    `There is no volume snapshot class ${snapshotClass} of the driver ${provisioner ?? "of the chains' volumes"}, so backups would fail.`,
    names === "" ? "Add the region without --snapshot-class." : `Add the region with --snapshot-class ${names}.`,
  );
};

export const checkImages = (settings: Pick<KubernetesSettings, "images" | "mirror">, toolsImage: string): Finding => {
  const open = [toImage(toolsImage, settings), ...settings.images.map(({ use }) => use)].filter(
    (image) => !hasDigest(image),
  );
  if (open.length === 0) return ok("digests", "every image that the settings name is one for ever");
  return note(
    "digests",
    `${open.length === 1 ? "one image has" : `${open.length} images have`} no digest, and may change behind your back: ${open.slice(0, 5).join(", ")}`,
    "Name each by digest: --image FROM=registry/name@sha256:…",
  );
};

export const checkPeers = (settings: Pick<KubernetesSettings, "gateway" | "worker">): Finding => {
  const missing = (["gateway", "worker"] as const).filter((who) => settings[who].length === 0);
  if (missing.length === 0) return ok("peers", "gateway and worker are let in where their packets come from");
  return wrong(
    "peers",
    `Nobody says where the ${missing.join("'s and the ")}'s packets come from, so network policies would keep them out.`,
    "Add the region with --from <cidr> (addresses), or --from-namespace <name> (pods of the cluster).",
  );
};
