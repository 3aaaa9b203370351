import { type Blueprint, type BlueprintNode, toNodeHash } from "@portolan/domain";
import type { SecretSource } from "../runtime.ts";
import { settleIntents } from "./adopt.ts";
import type { WriteTurn } from "./context.ts";
import { describeEnd } from "./describe-end.ts";
import { signalProcess } from "./launch.ts";
import { boundLog, markLog } from "./log-file.ts";
import { secretTexts } from "./render-node.ts";
import { logPath, type NodeTurn, startProgram } from "./run-program.ts";
import { areReady, findPrograms, prepareNode, runJobs, type StartManner, startProcesses } from "./start-node.ts";
import { emptyNodeState, type NodeState, type ProcessRecord } from "./state.ts";
import { killPrograms } from "./stop-node.ts";

const firstBackOffMs = 250;
const longestBackOffMs = 30_000;
/** A program that ran this long has recovered. */
const recoveredMs = 60_000;

/** When something that has failed `failures` times in a row may be tried again. */
export const toNextStart = (failures: number, now: number): string =>
  new Date(now + Math.min(firstBackOffMs * 2 ** Math.min(failures - 1, 20), longestBackOffMs)).toISOString();

const isDue = (turn: WriteTurn, at: string | undefined): boolean =>
  at === undefined || Date.parse(at) <= turn.clock.now().getTime();

/** Books the end of a program, once: what its end was, and when it may be started again. */
const bookEnd = async (
  at: NodeTurn,
  name: string,
  record: ProcessRecord,
  tally: { failures: number; nextStartAt?: string },
): Promise<void> => {
  const { turn, state, node } = at;
  if (record.endedAt !== undefined || record.identity === undefined) return;
  await turn.exits.settle(record.identity);
  const now = turn.clock.now().getTime();
  const endedMs = Math.min(turn.exits.get(record.identity)?.at ?? now, now);
  const ranMs = endedMs - Date.parse(record.startedAt ?? record.intentAt);
  record.endedAt = new Date(endedMs).toISOString();
  tally.failures = ranMs >= recoveredMs ? 1 : tally.failures + 1;
  tally.nextStartAt = toNextStart(tally.failures, endedMs);
  state.failure =
    turn.memory.excess(`${turn.state.placementId}/${node.name}`, state) ??
    describeEnd(turn, node.name, name, record, tally.failures, secretTexts(node, at.secrets));
  turn.save();
};

const isDead = (turn: WriteTurn, record: ProcessRecord | undefined): record is ProcessRecord =>
  record?.identity !== undefined && !turn.table.isAlive(record.identity);

/** A program other than the first one that died is started again alone. */
const restartOthers = async (at: NodeTurn): Promise<void> => {
  const { turn, node, state } = at;
  for (const process of node.processes.slice(1)) {
    const record = state.processes[process.name];
    if (!isDead(turn, record)) continue;
    await bookEnd(at, process.name, record, record);
    const after = process.after.filter((name) => node.processes.some((other) => other.name === name));
    if (!isDue(turn, record.nextStartAt) || !(await areReady(at, after))) continue;
    if (record.identity) turn.table.killRemains(record.identity, turn.layout.home);
    state.incarnation += 1;
    state.restarts += 1;
    await startProgram(at, process.name, process, record.failures);
    delete state.failure;
  }
};

/** Whether the nodes that should answer first do, or have been waited for long enough. */
const mayStart = async (
  turn: WriteTurn,
  blueprint: Blueprint,
  node: BlueprintNode,
  state: NodeState,
): Promise<boolean> => {
  for (const name of node.startAfter) {
    const earlier = blueprint.nodes.find((other) => other.name === name);
    if (!earlier || name === node.name) continue;
    const known = turn.state.nodes[name];
    const isUp =
      known?.isPrepared &&
      !known.isStopped &&
      (await areReady(
        { turn, state: known },
        earlier.processes.map((process) => process.name),
      ));
    if (isUp) continue;
    const now = turn.clock.now();
    state.waitingSince ??= now.toISOString();
    const untilMs = Date.parse(state.waitingSince) + turn.startAfterWaitMs;
    if (now.getTime() >= untilMs) continue;
    state.nextStartAt = new Date(untilMs).toISOString();
    turn.save();
    return false;
  }
  return true;
};

const startWhole = async (at: NodeTurn, manner: StartManner): Promise<void> => {
  await prepareNode(at, manner);
  await startProcesses(at);
  delete at.state.failure;
  delete at.state.failedHash;
  delete at.state.nextStartAt;
  at.turn.save();
};

/** A job whose worker died can't tell how it ended any more: it is ended, and run again. */
const endTasks = async ({ turn, node, state }: NodeTurn): Promise<void> => {
  for (const [name, { identity }] of Object.entries(state.processes)) {
    if (!identity || node.processes.some((process) => process.name === name)) continue;
    await turn.step("task.end");
    signalProcess(identity, "SIGKILL", turn.table);
    turn.table.killRemains(identity, turn.layout.home);
    delete state.processes[name];
    turn.save();
  }
};

const keepRunning = async (at: NodeTurn, manner: StartManner): Promise<void> => {
  const { turn, node, state } = at;
  await settleIntents(turn, node.name, state);
  await endTasks(at);
  const [first] = node.processes;
  const record = first && state.processes[first.name];
  const isExcessive = turn.memory.excess(`${turn.state.placementId}/${node.name}`, state) !== undefined;
  if (isExcessive && record?.identity && record.endedAt === undefined) await killPrograms(turn, state);
  if (first && isDead(turn, record)) {
    await bookEnd(at, first.name, record, state);
    if (isDue(turn, state.nextStartAt)) await startWhole(at, { ...manner, isRestart: true });
    return;
  }
  const hadFailed = record === undefined;
  if (hadFailed && !isDue(turn, state.nextStartAt)) return;
  await restartOthers(at);
  await startProcesses(at);
  if (!isDue(turn, state.nextStartAt)) return;
  await runJobs(at);
  if (state.rendererVersion !== manner.rendererVersion || hadFailed || state.nextStartAt !== undefined) {
    state.rendererVersion = manner.rendererVersion;
    if (hadFailed || state.failure?.reason === "job_failed" || state.failure?.reason === "program_missing")
      delete state.failure;
    delete state.nextStartAt;
    turn.save();
  }
};

const tendLogs = (turn: WriteTurn, node: BlueprintNode): void => {
  for (const process of node.processes) {
    const path = logPath(turn, node.name, process.name);
    boundLog(path, turn.maxLogBytes, turn.clock.now());
    markLog(path, turn.clock.now());
  }
};

/** One node, one step nearer: what differs is started anew, what is the same is kept running. */
export const bringToBlueprint = async (
  turn: WriteTurn,
  blueprint: Blueprint,
  node: BlueprintNode,
  secrets: SecretSource,
  isAllowed: boolean,
): Promise<void> => {
  const hash = toNodeHash(node);
  const known = turn.state.nodes[node.name];
  const isChanged = known?.appliedHash !== hash;
  if (isChanged && !isAllowed) return;
  const state = known ?? emptyNodeState();
  turn.state.nodes[node.name] = state;
  const manner = { hash, rendererVersion: blueprint.rendererVersion, isRestart: false };
  const at: NodeTurn = { turn, node, state, secrets, paths: findPrograms(turn, node) };
  if (!isChanged && state.isPrepared && !state.isStopped) {
    await keepRunning(at, manner);
    tendLogs(turn, node);
    return;
  }
  // Back-off is for what has failed; another blueprint is tried at once.
  const isNew = isChanged && state.failedHash !== hash;
  if (!isNew && !state.isStopped && !isDue(turn, state.nextStartAt)) return;
  const isDown = state.appliedHash === undefined || state.isStopped;
  if (isDown && !(await mayStart(turn, blueprint, node, state))) return;
  await startWhole(at, manner);
};
