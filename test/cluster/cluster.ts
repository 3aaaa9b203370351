import { join } from "node:path";
import { type ClusterFacts, type ClusterLevel, findClusterPrograms } from "@portolan/testing/cluster";
import { claimPortRange } from "@portolan/testing/port-range";
import { writeSlotMark } from "./abandoned.ts";
import { createClusterApi } from "./api.ts";
import {
  type ControlPlaneParts,
  longGrace,
  shortGrace,
  startApiServer,
  startControllers,
  startEtcd,
} from "./control-plane.ts";
import { createCredentials } from "./credentials.ts";
import { createProcesses } from "./processes.ts";
import { type Level3, startLevel3, startMachineNetwork } from "./real-nodes/level-3.ts";
import { nodeSizeFlags } from "./real-nodes/node-size.ts";
import { type Slot, takeSlot } from "./real-nodes/slot.ts";
import { addSimulatedNodes, startSimulator } from "./simulated/nodes.ts";
import { startVolumes, storageClasses } from "./volumes.ts";

/** What a keeper keeps. */
export interface RunningCluster {
  readonly facts: ClusterFacts;
  readonly commands: { readonly [command: string]: (...args: never[]) => Promise<unknown> };
  close(): Promise<void>;
}

type Closing = (() => void | Promise<void>)[];

const simulatedAtFirst = 3;

/** What clusters without real nodes, whose services nobody reaches, have. */
const networkWithoutNodes = {
  machine: "127.0.0.1",
  pods: "10.244.0.0/16",
  services: "10.96.0.0/16",
  apiService: "10.96.0.1",
};

/** Starts the cluster of a level in its run directory; what was started is stopped again where it does not come up. */
export const runCluster = async (directory: string, level: ClusterLevel, nodes: number): Promise<RunningCluster> => {
  const closing: Closing = [];
  const close = async (): Promise<void> => {
    for (const each of closing.reverse()) await each();
  };
  try {
    const slot = level === 3 ? takeSlot() : undefined;
    if (slot !== undefined) {
      writeSlotMark(directory, slot.index);
      await startMachineNetwork(slot, closing);
    }
    const { first } = await claimPortRange();
    const parts = {
      ...createParts(directory, level, first, slot),
      ...(level === 3 ? { apiServerFlags: nodeSizeFlags } : {}),
    };
    closing.push(() => stopAll(parts));
    await startEtcd(parts);
    await startApiServer(parts);
    const commands = level === 1 ? {} : await startLevel2(parts, level, closing);
    const real =
      slot === undefined ? undefined : await startLevel3({ ...parts, slot }, nodes, [first + 6, first + 7], closing);
    return {
      facts: toFacts(parts, level, slot, real),
      commands: { ...apiServerCommands(parts), ...commands, ...real?.commands },
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
};

const stopAll = async ({ processes, api }: ControlPlaneParts): Promise<void> => {
  await Promise.all(processes.names().map((name) => processes.stop(name, { hard: true })));
  api.close();
};

const createParts = (
  directory: string,
  level: ClusterLevel,
  port: number,
  slot: Slot | undefined,
): ControlPlaneParts => {
  const { machine: address, pods, services, apiService } = slot ?? networkWithoutNodes;
  const ports = {
    etcd: port,
    etcdPeer: port + 1,
    apiServer: port + 2,
    controllers: port + 3,
    scheduler: port + 4,
    simulator: port + 5,
  };
  const server = `https://${address}:${ports.apiServer}`;
  const credentials = createCredentials(join(directory, "credentials"), server, [address, apiService], Date.now());
  const api = createClusterApi(credentials.admin.access);
  const programs = findClusterPrograms(level).paths;
  const networks = { pods, services };
  const nodeGrace = level === 3 ? shortGrace : longGrace;
  const processes = createProcesses(directory);
  return { programs, processes, directory, credentials, api, address, ports, networks, nodeGrace };
};

const startLevel2 = async (parts: ControlPlaneParts, level: ClusterLevel, closing: Closing) => {
  await startControllers(parts);
  const volumes = await startVolumes(parts.api, join(parts.directory, "volumes"));
  closing.push(() => volumes.close());
  startSimulator(parts);
  let simulated = 0;
  const addNodes = async (count: number): Promise<string[]> => {
    simulated += count;
    return await addSimulatedNodes(parts, simulated - count, count);
  };
  if (level === 2) await addNodes(simulatedAtFirst);
  const restartControllers = async (): Promise<void> => {
    const names = ["kube-controller-manager", "kube-scheduler", "kwok"];
    await Promise.all(names.map((name) => parts.processes.stop(name, { hard: true })));
    startSimulator(parts);
    await startControllers(parts);
  };
  return { addSimulatedNodes: addNodes, restartControllers };
};

const apiServerCommands = (parts: ControlPlaneParts) => ({
  killApiServer: () => parts.processes.stop("kube-apiserver", { hard: true }),
  startApiServer: () => startApiServer(parts),
  freezeApiServer: () => parts.processes.freeze("kube-apiserver"),
  thawApiServer: async () => parts.processes.thaw("kube-apiserver"),
});

const toFacts = (
  parts: ControlPlaneParts,
  level: ClusterLevel,
  slot: Slot | undefined,
  real: Level3 | undefined,
): ClusterFacts => {
  const nodes = (real?.nodes ?? []).map((node) => ({
    name: node.name,
    address: node.address,
    podNetwork: node.podNetwork() ?? "",
  }));
  const network = slot && {
    machine: slot.machine,
    nodes: slot.nodes,
    pods: slot.pods,
    services: slot.services,
    dns: slot.dns,
  };
  return {
    level,
    server: parts.credentials.admin.access.server,
    kubeconfig: parts.credentials.admin.text,
    adminKubeconfigPath: parts.credentials.admin.path,
    kubectl: parts.programs["kubectl"] ?? "kubectl",
    runDirectory: parts.directory,
    nodes,
    ...(network === undefined ? {} : { network }),
    ...(real === undefined ? {} : { registry: real.registry }),
    storageClasses,
  };
};
