import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { ControlPlaneParts } from "../control-plane.ts";
import { runCommand, systemEnvironment } from "../run-command.ts";
import { makeCgroup, removeCgroups } from "./cgroups.ts";
import { inNetwork, wireNode } from "./machine-network.ts";
import {
  type NodePlace,
  toContainerdConfig,
  toKubeletConfig,
  toPodNetworkConfig,
  toRegistryConfig,
} from "./node-files.ts";
import type { Slot } from "./slot.ts";

/** A node: a process tree in namespaces of its own for network, mounts and processes, which ends with its first. */
export interface RealNode {
  readonly name: string;
  readonly address: string;
  /** A process in its namespaces; undefined while it is stopped. */
  pid(): number | undefined;
  /** Undefined before it was first ready. */
  podNetwork(): string | undefined;
  start(): Promise<void>;
  stop(): Promise<void>;
  importImage(archive: string, name: string, digestName?: string): Promise<void>;
  /** Stops it and takes away what it left in the machine. */
  remove(): Promise<void>;
}

export interface RealNodeParts extends ControlPlaneParts {
  readonly slot: Slot;
  /** `host:port` of registries without TLS. */
  readonly registries: readonly string[];
  /** Called when a started node's containerd answers and before it takes pods. */
  readonly onContainers: (node: RealNode) => Promise<void>;
}

/** What a node has for itself of the machine's directories. */
const ownMemory = ["/run/netns", "/run/containerd", "/run/lock", "/var/lib/cni"];
const ownDirectories = { kubelet: "/var/lib/kubelet", pods: "/var/log/pods", containers: "/var/log/containers" };

export const createRealNode = (parts: RealNodeParts, index: number): RealNode => {
  const { slot, processes, programs, credentials } = parts;
  const name = `node${index}`;
  const place: NodePlace = {
    name,
    address: slot.nodeAddress(index),
    directory: join(parts.directory, "nodes", name),
    credentials: credentials.directory,
    dns: slot.dns,
    cgroup: slot.cgroup(index),
  };
  const socket = join(place.directory, "containerd.sock");
  const ctr = (...args: readonly string[]) =>
    runCommand("ctr", ["--address", socket, "--namespace", "k8s.io", ...args]);
  const kubeconfig = credentials.kubeconfig(name, {
    name: `system:node:${name}`,
    organization: "system:nodes",
    hosts: [place.address, name],
  });
  const proxyKubeconfig = credentials.kubeconfig(`${name}-proxy`, { name: "system:kube-proxy" });
  let first: number | undefined;
  let podNetwork: string | undefined;

  /** Starts one of the node's programs in its namespaces. */
  const startInside = (program: string, args: readonly string[]): void => {
    const path = programs[program] ?? program;
    const inside = ["--target", String(first), "--net", "--mount", "--pid", "--", path, ...args];
    processes.start(`${name}-${program}`, "nsenter", inside, { environment: systemEnvironment });
  };
  const startContainers = async (): Promise<void> => {
    startInside("containerd", ["--config", join(place.directory, "containerd.toml")]);
    await processes.until(`${name}-containerd`, 60, async () => (await ctr("version")).includes("Server"));
  };
  const startKubelet = (): void => {
    const files = [`--config=${join(place.directory, "kubelet.json")}`, `--kubeconfig=${kubeconfig}`];
    startInside("kubelet", [
      ...files,
      "--root-dir=/var/lib/kubelet",
      `--hostname-override=${name}`,
      `--node-ip=${place.address}`,
    ]);
    startInside("kube-proxy", [
      `--kubeconfig=${proxyKubeconfig}`,
      "--proxy-mode=nftables",
      `--cluster-cidr=${slot.pods}`,
      `--hostname-override=${name}`,
      // The machine's own table of connections is not the node's to size.
      "--conntrack-max-per-core=0",
      `--nodeport-addresses=${place.address}/32`,
    ]);
  };
  const nodeObject = () => parts.api.call<NodeObject>("GET", `/api/v1/nodes/${name}`);
  const node: RealNode = {
    name,
    address: place.address,
    pid: () => (processes.isRunning(name) ? first : undefined),
    podNetwork: () => podNetwork,
    async start() {
      writeFiles(place, parts.registries);
      makeCgroup(place.cgroup);
      first = await startFirst(parts, name);
      await ownMounts(first, place.directory);
      await wireNode(slot, index, first);
      await inNetwork(first, "sysctl", "-qw", "net.ipv4.ip_forward=1");
      // Without it the pods of one node would reach one another past its rules.
      await inNetwork(first, "sysctl", "-qw", "net.bridge.bridge-nf-call-iptables=1");
      await startContainers();
      await parts.onContainers(node);
      const startedAt = Date.now();
      startKubelet();
      await processes.until(`${name}-kubelet`, 120, async () => {
        podNetwork = (await nodeObject()).spec.podCIDR;
        return podNetwork !== undefined;
      });
      writeFileSync(join(place.directory, "cni", "pods.conflist"), toPodNetworkConfig(place, podNetwork ?? ""));
      await processes.until(`${name}-kubelet`, 120, async () => isReadySince(await nodeObject(), startedAt));
    },
    async stop() {
      // The kernel ends whatever is in the namespace with its first process.
      if (first !== undefined && processes.isRunning(name)) process.kill(first, "SIGKILL");
      for (const each of ["", "-containerd", "-kubelet", "-kube-proxy"])
        await processes.stop(`${name}${each}`, { hard: true });
      first = undefined;
      rmSync(socket, { force: true });
    },
    async importImage(archive, imageName, digestName) {
      await ctr("images", "import", archive);
      if (digestName !== undefined) await ctr("images", "tag", "--force", imageName, digestName);
    },
    async remove() {
      await node.stop();
      await removeCgroups(place.cgroup);
    },
  };
  return node;
};

interface NodeObject {
  readonly spec: { readonly podCIDR?: string };
  readonly status?: {
    readonly conditions?: readonly {
      readonly type: string;
      readonly status: string;
      readonly lastHeartbeatTime: string;
    }[];
  };
}

/** A restarted node's object still says what it said before. Heartbeats are in whole seconds. */
const isReadySince = ({ status }: NodeObject, sinceMs: number): boolean =>
  status?.conditions?.some(
    ({ type, status: is, lastHeartbeatTime }) =>
      type === "Ready" && is === "True" && Date.parse(lastHeartbeatTime) >= sinceMs - 1_000,
  ) ?? false;

const writeFiles = (place: NodePlace, registries: readonly string[]): void => {
  const write = (name: string, text: string): void => {
    const path = join(place.directory, name);
    mkdirSync(join(path, ".."), { recursive: true });
    writeFileSync(path, text);
  };
  for (const each of [...Object.keys(ownDirectories), "cni"])
    mkdirSync(join(place.directory, each), { recursive: true });
  write("containerd.toml", toContainerdConfig(place));
  write("kubelet.json", toKubeletConfig(place));
  write("resolv.conf", `nameserver ${place.dns}\n`);
  for (const host of registries) write(`registries/${host}/hosts.toml`, toRegistryConfig(host));
};

/** The first process of the node's namespaces; its pid as this machine sees it. */
const startFirst = async ({ processes, programs }: RealNodeParts, name: string): Promise<number> => {
  const namespaces = ["--net", "--mount", "--pid", "--fork", "--kill-child=KILL", "--mount-proc"];
  const outer = processes.start(name, "unshare", [...namespaces, programs["pause"] ?? "pause"]);
  for (let attempt = 0; attempt < 200; attempt += 1) {
    const child = readFileSync(`/proc/${outer}/task/${outer}/children`, "utf8").trim();
    // Only then its mounts are its own.
    if (child !== "" && readFileSync(`/proc/${child}/comm`, "utf8").trim() === "pause") return Number(child);
    await sleep(20);
  }
  throw new Error(`the first process of ${name} did not start`);
};

const ownMounts = async (pid: number, directory: string): Promise<void> => {
  const inside = (...command: readonly string[]): Promise<string> =>
    runCommand("nsenter", ["--target", String(pid), "--mount", "--", ...command]);
  await inside("mount", "--make-rshared", "/");
  for (const path of ownMemory) {
    mkdirSync(path, { recursive: true });
    await inside("mount", "-t", "tmpfs", "tmpfs", path);
  }
  for (const [name, path] of Object.entries(ownDirectories)) {
    mkdirSync(path, { recursive: true });
    await inside("mount", "--bind", join(directory, name), path);
  }
};
