import { join } from "node:path";
import type { ClusterApi } from "../api.ts";
import type { ControlPlaneParts } from "../control-plane.ts";

/** What KWOK takes as its own; a real node beside has no such annotation. */
const mark = { key: "kwok.x-k8s.io/node", value: "simulated" };
const size = { cpu: "64", memory: "256Gi", pods: "1000", "ephemeral-storage": "1Ti" };

/** KWOK, which plays the kubelet of every node that bears its mark. */
export const startSimulator = (parts: ControlPlaneParts): void => {
  const { processes, programs, credentials, ports } = parts;
  processes.start("kwok", programs["kwok"] ?? "kwok", [
    `--kubeconfig=${credentials.admin.path}`,
    "--manage-all-nodes=false",
    `--manage-nodes-with-annotation-selector=${mark.key}=${mark.value}`,
    `--config=${join(import.meta.dirname, "stages.yaml")}`,
    `--server-address=127.0.0.1:${ports.simulator}`,
    // Without leases the nodes would be NotReady within the controllers' grace.
    "--node-lease-duration-seconds=9",
  ]);
};

const isReady = ({ status }: { status?: { conditions?: { type: string; status: string }[] } }): boolean =>
  status?.conditions?.some(({ type, status }) => type === "Ready" && status === "True") ?? false;

/** Makes nodes `simulated-<n>`, from a number on; returns their names when all are Ready. */
export const addSimulatedNodes = async (parts: ControlPlaneParts, from: number, count: number): Promise<string[]> => {
  const names = Array.from({ length: count }, (_, each) => `simulated-${from + each}`);
  for (const name of names) await addNode(parts.api, name);
  for (const name of names) {
    await parts.processes.until("kwok", 60, async () => isReady(await parts.api.call("GET", `/api/v1/nodes/${name}`)));
  }
  return names;
};

const addNode = async (api: ClusterApi, name: string): Promise<void> => {
  const labels = { "kubernetes.io/hostname": name, "kubernetes.io/os": "linux", "kubernetes.io/arch": "amd64" };
  await api.call("POST", "/api/v1/nodes", {
    apiVersion: "v1",
    kind: "Node",
    metadata: { name, labels, annotations: { [mark.key]: mark.value } },
    status: { allocatable: size, capacity: size, phase: "Running" },
  });
};
