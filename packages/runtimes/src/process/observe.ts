import { readdirSync } from "node:fs";
import type { NodeObservation, PlacementObservation } from "@portolan/domain";
import { hasErrorCode } from "@portolan/kit";
import type { Failure } from "../node-failure.ts";
import type { Context } from "./context.ts";
import { describeEnd } from "./describe-end.ts";
import { markLog } from "./log-file.ts";
import { emptyNodeState, type NodeState, type PlacementState } from "./state.ts";
import type { StorageMeter } from "./storage-size.ts";

type Verdict = Pick<NodeObservation, "state"> & { reason?: string; message?: string; hint?: string };

const failed = (failure: Failure): Verdict => ({ state: "failed", ...failure });

/** A program of the node that has ended, with why. */
const findEnd = async (
  context: Context,
  state: PlacementState,
  name: string,
  node: NodeState,
): Promise<Failure | undefined> => {
  for (const { name: process } of node.applied?.processes ?? []) {
    const record = node.processes[process];
    if (!record?.identity || context.table.isAlive(record.identity)) continue;
    if (record.endedAt !== undefined && node.failure) return node.failure;
    await context.exits.settle(record.identity);
    return describeEnd({ ...context, state }, name, process, record, record.failures + 1);
  }
  return undefined;
};

/** The first program that does not answer yet, if any. */
const findUnready = async (context: Context, node: NodeState): Promise<Verdict | undefined> => {
  for (const { name, probe, isAuxiliary } of node.applied?.processes ?? []) {
    const record = node.processes[name];
    if (!record?.identity)
      return { state: "starting", reason: "starting", message: `The program ${name} is not started yet.` };
    if (await context.monitor.isReady(node, name, record.identity)) continue;
    const ageMs = context.clock.now().getTime() - Date.parse(record.startedAt ?? record.intentAt);
    if (probe && ageMs > probe.startupMs) {
      return {
        state: "failed",
        reason: "unresponsive",
        message: `The program ${name} runs, but does not answer.`,
        hint: "The node's logs may say why; a program that was only busy comes back by itself.",
      };
    }
    if (isAuxiliary === true) continue;
    return { state: "starting", reason: "starting", message: `The program ${name} does not answer yet.` };
  }
  return undefined;
};

const judge = async (context: Context, state: PlacementState, name: string, node: NodeState): Promise<Verdict> => {
  const failure = context.unsaved.get(`${state.placementId}/${name}`) ?? node.failure;
  if (node.isStopped) return failure ? { state: "stopped", ...failure } : { state: "stopped" };
  if (node.appliedHash === undefined) {
    if (failure) return failed(failure);
    return {
      state: "absent",
      reason: "waits_for_nodes",
      message: "Other nodes should answer before this one is started.",
    };
  }
  if (!node.isPrepared) return failure ? failed(failure) : { state: "starting", reason: "preparing" };
  const end = await findEnd(context, state, name, node);
  if (end) return failed(end);
  const excess = context.memory.look(`${state.placementId}/${name}`, node);
  if (excess) return failed(excess);
  const unready = await findUnready(context, node);
  if (unready) return unready.state === "starting" && failure ? failed(failure) : unready;
  const isJobOpen = node.applied?.jobs.some((key) => node.jobs[key] === undefined) ?? false;
  if (isJobOpen)
    return failure
      ? failed(failure)
      : { state: "starting", reason: "job_pending", message: "A one-off job is still to be run." };
  return failure ? { state: "running", ...failure } : { state: "running" };
};

/** Names of the directories below a path; none when it is not there. */
export const listDirectories = (path: string): string[] => {
  try {
    return readdirSync(path, { withFileTypes: true }).flatMap((entry) => (entry.isDirectory() ? [entry.name] : []));
  } catch (error) {
    if (hasErrorCode(error, "ENOENT", "ENOTDIR")) return [];
    throw error;
  }
};

export const listNodeDirectories = (context: Pick<Context, "layout">, placementId: string): string[] =>
  listDirectories(context.layout.placement(placementId));

/** Data volumes that exist, as `node/volume`. */
export const listVolumes = (context: Pick<Context, "layout">, placementId: string): string[] =>
  listNodeDirectories(context, placementId)
    .flatMap((node) => listDirectories(context.layout.volumes(placementId, node)).map((volume) => `${node}/${volume}`))
    .sort();

const observeNode = async (
  context: Context,
  storage: StorageMeter,
  state: PlacementState,
  name: string,
  node: NodeState,
): Promise<NodeObservation> => {
  const { placementId } = state;
  for (const process of Object.keys(node.processes)) {
    markLog(`${context.layout.logs(placementId, name)}/${process}.log`, context.clock.now());
  }
  const first = node.applied?.processes[0];
  const startedAt = first && node.processes[first.name]?.startedAt;
  const bytes = await storage.bytesOf(context.layout.volumes(placementId, name));
  return {
    node: name,
    ...(await judge(context, state, name, node)),
    ...(node.appliedHash === undefined ? {} : { appliedHash: node.appliedHash }),
    ...(node.rendererVersion === undefined ? {} : { rendererVersion: node.rendererVersion }),
    incarnation: node.incarnation,
    ...(startedAt === undefined || node.isStopped ? {} : { startedAt }),
    storageBytes: String(bytes),
    restarts: node.restarts,
  };
};

/** What runs of a placement, from recorded processes and their probes. Writes nothing and needs no fence. */
export const observePlacement = async (
  context: Context,
  storage: StorageMeter,
  placementId: string,
): Promise<PlacementObservation> => {
  const state = context.states.load(placementId);
  const volumes = listVolumes(context, placementId);
  if (!state) return { nodes: [], volumes };
  const shown = Object.entries(state.nodes).filter(
    ([, node]) => node.appliedHash !== undefined || node.failure !== undefined || node.waitingSince !== undefined,
  );
  // Nodes of which nothing could be written down yet.
  const prefix = `${placementId}/`;
  for (const key of context.unsaved.keys()) {
    const name = key.slice(prefix.length);
    if (key.startsWith(prefix) && !shown.some(([known]) => known === name)) shown.push([name, emptyNodeState()]);
  }
  const nodes = await Promise.all(shown.map(([name, node]) => observeNode(context, storage, state, name, node)));
  return { nodes: nodes.sort((a, b) => (a.node < b.node ? -1 : 1)), volumes };
};
