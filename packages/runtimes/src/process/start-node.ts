import type { BlueprintNode } from "@portolan/domain";
import { NodeFailure } from "../node-failure.ts";
import { inStartOrder } from "../start-order.ts";
import { endStrays } from "./adopt.ts";
import type { WriteTurn } from "./context.ts";
import { checkPort } from "./port-registry.ts";
import { type FoundProgram, toReachable } from "./programs.ts";
import { makeDirectories, writeNodeFile } from "./render-node.ts";
import { type NodeTurn, runToEnd, startProgram } from "./run-program.ts";
import type { AppliedNode } from "./state.ts";
import { stopPrograms } from "./stop-node.ts";

/** Executables of all programs a node needs. Comes before anything of the node is touched. */
export const findPrograms = (turn: WriteTurn, node: BlueprintNode): Map<string, FoundProgram> => {
  const paths = new Map<string, FoundProgram>();
  if (node.isTenantCode === true) {
    throw new NodeFailure({
      reason: "tenant_code_refused",
      message: `${node.name} is a tenant's own code, and this region keeps nothing apart from it.`,
      hint: "Use chaincode of the catalogue here, or a region whose capabilities say tenantCode.",
    });
  }
  for (const { program } of [...node.processes, ...node.init, ...node.jobs]) {
    if (paths.has(program.name)) continue;
    const found = turn.programs.find(program);
    if ("missing" in found) throw new NodeFailure(found.missing);
    paths.set(program.name, toReachable(found, turn.layout.programs, turn.user));
  }
  return paths;
};

const toApplied = (node: BlueprintNode): AppliedNode => ({
  processes: node.processes.map(({ name, probe, after, isAuxiliary, stopSignal, stopGraceMs }) => ({
    name,
    after,
    stopSignal,
    stopGraceMs,
    ...(isAuxiliary === true ? { isAuxiliary } : {}),
    ...(probe ? { probe } : {}),
  })),
  ports: node.ports.map(({ name, host, number, bindHost, bindNumber }) => ({
    name,
    host,
    number,
    bindHost,
    bindNumber,
  })),
  startAfter: node.startAfter,
  jobs: node.jobs.map((job) => job.key),
  memoryBytes: node.resources.memoryBytes,
});

const refuseTakenPorts = async (node: BlueprintNode): Promise<void> => {
  const verdicts = await Promise.all(
    node.ports.map(async (port) => ({ port, verdict: await checkPort(port.bindHost, port.bindNumber) })),
  );
  const taken = verdicts.find(({ verdict }) => verdict === "taken");
  if (!taken) return;
  const address = `${taken.port.bindHost}:${taken.port.bindNumber}`;
  throw new NodeFailure({
    reason: "port_taken",
    message: `Another program on this machine listens on ${address}, the node's ${taken.port.name} port.`,
    hint: `Stop that program (ss -ltnp 'sport = :${taken.port.bindNumber}' names it); the node is started again by itself.`,
  });
};

export interface StartManner {
  hash: string;
  rendererVersion: number;
  isRestart: boolean;
}

/** Ends what runs of the node, makes its directories and files, and runs its init commands to their end. */
export const prepareNode = async (at: NodeTurn, manner: StartManner): Promise<void> => {
  const { turn, node, state } = at;
  const { placementId } = turn.state;
  await stopPrograms(turn, node.name, state);
  // A state file that was lost knows of nothing; the labels do.
  if (state.appliedHash === undefined && turn.ranBefore(placementId)) await endStrays(turn, node.name);
  await refuseTakenPorts(node);
  await turn.step("node.record");
  state.appliedHash = manner.hash;
  state.rendererVersion = manner.rendererVersion;
  state.applied = toApplied(node);
  state.incarnation += 1;
  state.restarts += manner.isRestart ? 1 : 0;
  state.isStopped = false;
  state.isPrepared = false;
  delete state.waitingSince;
  turn.save();
  await turn.step("node.directories");
  makeDirectories(turn, placementId, node);
  for (const file of node.files) {
    await turn.step("node.file");
    writeNodeFile(turn, placementId, node, file, at.secrets);
  }
  for (const command of node.init) await runToEnd(at, "init", command);
  state.isPrepared = true;
  if (node.init.length > 0) turn.save();
};

/** Starts the programs whose predecessors answer. The others' turn comes with a later call. */
export const startProcesses = async (at: NodeTurn): Promise<void> => {
  const { node, state } = at;
  for (const process of inStartOrder(node.processes, ({ after }) => after)) {
    if (state.processes[process.name] !== undefined) continue;
    const predecessors = process.after.filter((name) => node.processes.some((other) => other.name === name));
    if (await areReady(at, predecessors)) await startProgram(at, process.name, process);
  }
};

/** Whether these programs run and answer. */
export const areReady = async (at: Pick<NodeTurn, "turn" | "state">, names: readonly string[]): Promise<boolean> => {
  const { turn, state } = at;
  for (const name of names) {
    const identity = state.processes[name]?.identity;
    if (!identity || !turn.table.isAlive(identity)) return false;
    if (!(await turn.monitor.isReady(state, name, identity))) return false;
  }
  return true;
};

/** One-off jobs that have not succeeded yet, once all programs answer. */
export const runJobs = async (at: NodeTurn): Promise<void> => {
  const { turn, node, state } = at;
  const open = node.jobs.filter((job) => state.jobs[job.key] === undefined);
  if (open.length === 0) return;
  const isUp = await areReady(
    at,
    node.processes.map(({ name }) => name),
  );
  if (!isUp) return;
  for (const job of open) {
    await runToEnd(at, "job", job);
    state.jobs[job.key] = turn.clock.now().toISOString();
    // Repeating a job after a power cut is allowed, but needless.
    turn.save({ isDurable: true });
    await turn.step("job.recorded");
  }
};
