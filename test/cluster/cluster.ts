import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { type ClusterFacts, type ClusterLevel, findClusterPrograms } from "@portolan/testing/cluster";
import { claimPortRange } from "@portolan/testing/port-range";
import { createClusterApi } from "./api.ts";
import { type ControlPlaneParts, startApiServer, startControllers, startEtcd } from "./control-plane.ts";
import { createCredentials } from "./credentials.ts";
import { createProcesses } from "./processes.ts";
import { addSimulatedNodes, startSimulator } from "./simulated/nodes.ts";
import { startVolumes, storageClasses } from "./volumes.ts";

/** What a keeper keeps. */
export interface RunningCluster {
  readonly facts: ClusterFacts;
  readonly commands: { readonly [command: string]: (...args: never[]) => Promise<unknown> };
  close(): Promise<void>;
}

const simulatedAtFirst = 3;

/** Starts the cluster of a level in its run directory; what was started is stopped again where it does not come up. */
export const runCluster = async (
  directory: string,
  level: ClusterLevel,
  _nodeCount: number,
): Promise<RunningCluster> => {
  const parts = await createParts(directory, level);
  const closing: (() => void | Promise<void>)[] = [];
  const close = async (): Promise<void> => {
    for (const each of closing.reverse()) await each();
    await Promise.all(parts.processes.names().map((name) => parts.processes.stop(name, { hard: true })));
    parts.api.close();
  };
  try {
    await startEtcd(parts);
    await startApiServer(parts);
    const commands = level === 1 ? {} : await startLevel2(parts, level, closing);
    return { facts: toFacts(parts, level), commands: { ...apiServerCommands(parts), ...commands }, close };
  } catch (error) {
    await close();
    throw error;
  }
};

const createParts = async (directory: string, level: ClusterLevel): Promise<ControlPlaneParts> => {
  const address = "127.0.0.1";
  const { first } = await claimPortRange();
  const ports = {
    etcd: first,
    etcdPeer: first + 1,
    apiServer: first + 2,
    controllers: first + 3,
    scheduler: first + 4,
    simulator: first + 5,
  };
  mkdirSync(directory, { recursive: true });
  const server = `https://${address}:${ports.apiServer}`;
  const credentials = createCredentials(join(directory, "credentials"), address, server, Date.now());
  const api = createClusterApi(credentials.admin.access);
  const programs = findClusterPrograms(level).paths;
  return { programs, processes: createProcesses(directory), directory, credentials, api, address, ports };
};

const startLevel2 = async (parts: ControlPlaneParts, level: ClusterLevel, closing: (() => void)[]) => {
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
  return { addSimulatedNodes: addNodes };
};

const apiServerCommands = (parts: ControlPlaneParts) => ({
  killApiServer: () => parts.processes.stop("kube-apiserver", { hard: true }),
  startApiServer: () => startApiServer(parts),
  freezeApiServer: async () => parts.processes.signal("kube-apiserver", "SIGSTOP"),
  thawApiServer: async () => parts.processes.signal("kube-apiserver", "SIGCONT"),
});

const toFacts = (parts: ControlPlaneParts, level: ClusterLevel): ClusterFacts => ({
  level,
  server: parts.credentials.admin.access.server,
  kubeconfig: parts.credentials.admin.text,
  adminKubeconfigPath: parts.credentials.admin.path,
  kubectl: parts.programs["kubectl"] ?? "kubectl",
  runDirectory: parts.directory,
  nodes: [],
  storageClasses,
});
