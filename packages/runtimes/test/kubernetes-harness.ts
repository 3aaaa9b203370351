import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { systemClock } from "@portolan/domain";
import { silentLogger } from "@portolan/kit";
import type { TestCluster } from "@portolan/testing";
import type { ConformanceHarness } from "../src/conformance/conformance.ts";
import {
  createKubernetesRuntime,
  type KubernetesRuntime,
  type KubernetesRuntimeSettings,
} from "../src/kubernetes/kubernetes-runtime.ts";
import { type KubernetesSettingsInput, parseKubernetesSettings } from "../src/kubernetes/settings.ts";
import type { PlacementRef } from "../src/runtime.ts";

export const nodeImage = "docker.io/library/node:24";

export const toNamespace = ({ placementId }: PlacementRef): string => `p-${placementId.replace("_", "-")}`;
/** Of a placement's tenants' code. */
export const toApart = (placement: PlacementRef): string => `${toNamespace(placement)}-t`;

export interface KubernetesHarness extends ConformanceHarness {
  open(options?: Partial<KubernetesRuntimeSettings> & { settings?: KubernetesSettingsInput }): KubernetesRuntime;
  /** An object, or a list of a kind, as the API server has it; `undefined` where there is none. */
  read(...parts: string[]): unknown;
  /** Runs kubectl with an object on its input. */
  kubectl(args: readonly string[], input?: object): string;
}

const read = (path: string): string => {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
};

interface Program {
  pid: number;
  node: string;
  process: string;
  commandLine: string;
}

interface PodList {
  items: { metadata: { uid: string; annotations?: { [key: string]: string } } }[];
}

/** Programs of a placement as this machine's kernel sees them: by their pod's control group. */
const listPrograms = (pods: PodList): Program[] => {
  const nodes = new Map(
    pods.items.map(({ metadata }) => [metadata.uid, metadata.annotations?.["portolan.dev/node-name"] ?? ""] as const),
  );
  return readdirSync("/proc").flatMap((entry) => {
    const pid = Number(entry);
    if (!Number.isInteger(pid)) return [];
    const uid = /pod([0-9a-f]{8}[-_][0-9a-f-_]{27})/.exec(read(`/proc/${pid}/cgroup`))?.[1]?.replaceAll("_", "-");
    const node = uid === undefined ? undefined : nodes.get(uid);
    const parts = read(`/proc/${pid}/cmdline`).split("\0");
    if (node === undefined || parts[2] !== "serve" || / Z /.test(read(`/proc/${pid}/stat`))) return [];
    return [{ pid, node, process: parts[5] ?? "", commandLine: parts.join(" ") }];
  });
};

/** Drivers over one test cluster. At level 3 the suite's program comes in an image with this Node. */
export const openKubernetesHarness = async (
  cluster: TestCluster,
  manner: { isFirstWatching?: boolean } = {},
): Promise<KubernetesHarness> => {
  const image =
    cluster.level === 3
      ? await cluster.makeImage({ name: "node", tag: "24", programs: [process.execPath], entrypoint: ["node"] })
      : undefined;
  const opened: KubernetesRuntime[] = [];
  const abort = new AbortController();
  const watching: Promise<void>[] = [];
  const kubectl = (args: readonly string[], input?: object): string =>
    execFileSync(cluster.kubectl, ["--kubeconfig", cluster.adminKubeconfigPath, ...args], {
      encoding: "utf8",
      ...(input ? { input: JSON.stringify(input) } : {}),
      stdio: ["pipe", "pipe", "pipe"],
      maxBuffer: 64 << 20,
    });
  const podsOf = (placement: PlacementRef): PodList => ({
    items: [toNamespace(placement), toApart(placement)].flatMap(
      (namespace) => (JSON.parse(kubectl(["get", "pods", "-n", namespace, "-o", "json"])) as PodList).items,
    ),
  });
  const machine =
    cluster.network === undefined ? [] : [{ cidr: cluster.network.nodes }, { cidr: `${cluster.network.machine}/32` }];
  return {
    crashesAtOnce: 4,
    // Minutes of pods that start and end; PORTOLAN_CRASHES=all takes them all.
    crashEvery: process.env["PORTOLAN_CRASHES"] === "all" ? 1 : 8,
    // The kubelet looks at its containers once a second, and tells of them.
    noticeMs: 10_000,
    open: ({ settings, ...options } = {}) => {
      const runtime = createKubernetesRuntime({
        access: { kubeconfig: cluster.adminKubeconfigPath },
        cluster: parseKubernetesSettings({
          reach: "address",
          storageClass: cluster.storageClasses.node,
          images: image ? [{ match: nodeImage, use: image.digestReference }] : [],
          gateway: machine,
          worker: machine,
          ...settings,
        }),
        clock: systemClock,
        log: silentLogger,
        endWaitMs: 90_000,
        ...options,
      });
      // The first lives from its cache, as a worker's does; the others ask each time, as after a worker's start.
      if (manner.isFirstWatching === true && opened.length === 0) {
        watching.push(runtime.watch(() => undefined, abort.signal));
      }
      opened.push(runtime);
      return runtime;
    },
    kill: async (placement, node, name) => {
      const found = listPrograms(podsOf(placement)).find((one) => one.node === node && one.process === name);
      if (!found) throw new Error(`${node}/${name} does not run`);
      process.kill(found.pid, "SIGKILL");
    },
    countPrograms: async (placement, node, name) =>
      listPrograms(podsOf(placement)).filter(
        (one) => (node === undefined || one.node === node) && (name === undefined || one.process === name),
      ).length,
    commandLines: async (placement) => listPrograms(podsOf(placement)).map(({ commandLine }) => commandLine),
    close: async () => {
      abort.abort();
      await Promise.all(watching);
      for (const runtime of opened) runtime.close();
    },
    kubectl,
    read: (...parts) => {
      try {
        return JSON.parse(kubectl(["get", ...parts, "-o", "json"]));
      } catch (error) {
        if (String((error as { stderr?: unknown }).stderr).includes("NotFound")) return undefined;
        throw error;
      }
    },
  };
};
