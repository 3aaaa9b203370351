import { join } from "node:path";
import type { ClusterApi } from "./api.ts";
import type { Credentials } from "./credentials.ts";
import type { Processes } from "./processes.ts";

export interface ControlPlaneParts {
  readonly programs: { readonly [name: string]: string };
  readonly processes: Processes;
  readonly directory: string;
  readonly credentials: Credentials;
  readonly api: ClusterApi;
  /** What the API server binds. */
  readonly address: string;
  readonly ports: ControlPlanePorts;
  readonly apiServerFlags?: readonly string[];
  readonly networks: { readonly pods: string; readonly services: string };
  readonly nodeGrace: NodeGrace;
}

export interface ControlPlanePorts {
  readonly etcd: number;
  readonly etcdPeer: number;
  readonly apiServer: number;
  readonly controllers: number;
  readonly scheduler: number;
  readonly simulator: number;
}

/** How long a node may be silent, and its pods stay on it then. */
export interface NodeGrace {
  readonly silenceSeconds: number;
  readonly tolerationSeconds: number;
}

/** So that a real node's death is seen, and its pods leave, within seconds instead of minutes. */
export const shortGrace: NodeGrace = { silenceSeconds: 10, tolerationSeconds: 5 };

/** Simulated nodes never die; where they are silent the machine has much to do, and a pod that goes for it is a riddle. */
export const longGrace: NodeGrace = { silenceSeconds: 300, tolerationSeconds: 300 };

/** A test's program must find its cluster as fast as it can ask. */
const noThrottle = ["--kube-api-qps=500", "--kube-api-burst=1000"];

const program = (parts: ControlPlaneParts, name: string): string => {
  const path = parts.programs[name];
  if (path === undefined) throw new Error(`${name} was not found`);
  return path;
};

/** etcd, without syncing to disk: a test cluster outlives no power cut. */
export const startEtcd = async (parts: ControlPlaneParts): Promise<void> => {
  const { ports, processes, directory } = parts;
  const clients = `http://127.0.0.1:${ports.etcd}`;
  const peers = `http://127.0.0.1:${ports.etcdPeer}`;
  processes.start("etcd", program(parts, "etcd"), [
    `--data-dir=${join(directory, "etcd")}`,
    `--listen-client-urls=${clients}`,
    `--advertise-client-urls=${clients}`,
    `--listen-peer-urls=${peers}`,
    `--initial-advertise-peer-urls=${peers}`,
    `--initial-cluster=default=${peers}`,
    "--unsafe-no-fsync",
    "--log-level=warn",
  ]);
  await processes.until("etcd", 60, async () => (await fetch(`${clients}/health`)).ok);
};

/** Ready when it returns. */
export const startApiServer = async (parts: ControlPlaneParts): Promise<void> => {
  const { ports, processes, address } = parts;
  const file = (name: string): string => join(parts.credentials.directory, name);
  processes.start("kube-apiserver", program(parts, "kube-apiserver"), [
    `--etcd-servers=http://127.0.0.1:${ports.etcd}`,
    `--bind-address=${address}`,
    `--advertise-address=${address}`,
    `--secure-port=${ports.apiServer}`,
    `--tls-cert-file=${file("apiserver.crt")}`,
    `--tls-private-key-file=${file("apiserver.key")}`,
    `--client-ca-file=${file("ca.crt")}`,
    `--kubelet-client-certificate=${file("apiserver-kubelet.crt")}`,
    `--kubelet-client-key=${file("apiserver-kubelet.key")}`,
    `--kubelet-certificate-authority=${file("ca.crt")}`,
    "--kubelet-preferred-address-types=InternalIP",
    "--service-account-issuer=https://kubernetes.default.svc",
    `--service-account-key-file=${file("service-accounts.pub")}`,
    `--service-account-signing-key-file=${file("service-accounts.key")}`,
    "--authorization-mode=Node,RBAC",
    "--enable-admission-plugins=NodeRestriction",
    `--service-cluster-ip-range=${parts.networks.services}`,
    `--default-not-ready-toleration-seconds=${parts.nodeGrace.tolerationSeconds}`,
    `--default-unreachable-toleration-seconds=${parts.nodeGrace.tolerationSeconds}`,
    "--allow-privileged=true",
    ...(parts.apiServerFlags ?? []),
  ]);
  await processes.until("kube-apiserver", 120, async () => (await parts.api.call("GET", "/readyz")) === "ok");
};

/** Controllers and scheduler. Ready when the default namespace has its service account. */
export const startControllers = async (parts: ControlPlaneParts): Promise<void> => {
  const { ports, processes, credentials } = parts;
  const file = (name: string): string => join(credentials.directory, name);
  const controllers = credentials.kubeconfig("controllers", { name: "system:kube-controller-manager" });
  const scheduler = credentials.kubeconfig("scheduler", { name: "system:kube-scheduler" });
  processes.start("kube-controller-manager", program(parts, "kube-controller-manager"), [
    `--kubeconfig=${controllers}`,
    "--bind-address=127.0.0.1",
    `--secure-port=${ports.controllers}`,
    `--service-account-private-key-file=${file("service-accounts.key")}`,
    `--root-ca-file=${file("ca.crt")}`,
    "--use-service-account-credentials=true",
    `--cluster-signing-cert-file=${file("ca.crt")}`,
    `--cluster-signing-key-file=${file("ca.key")}`,
    "--allocate-node-cidrs=true",
    `--cluster-cidr=${parts.networks.pods}`,
    "--node-monitor-period=1s",
    "--concurrent-statefulset-syncs=20",
    `--node-monitor-grace-period=${parts.nodeGrace.silenceSeconds}s`,
    "--leader-elect=false",
    ...noThrottle,
  ]);
  processes.start("kube-scheduler", program(parts, "kube-scheduler"), [
    `--kubeconfig=${scheduler}`,
    "--bind-address=127.0.0.1",
    `--secure-port=${ports.scheduler}`,
    "--leader-elect=false",
    ...noThrottle,
  ]);
  const account = "/api/v1/namespaces/default/serviceaccounts/default";
  await processes.until("kube-controller-manager", 120, async () => Boolean(await parts.api.call("GET", account)));
};
