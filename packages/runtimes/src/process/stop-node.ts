import { setTimeout as sleep } from "node:timers/promises";
import { inStartOrder } from "../start-order.ts";
import { settleIntents } from "./adopt.ts";
import type { WriteTurn } from "./context.ts";
import { signalProcess } from "./launch.ts";
import type { ProcessIdentity } from "./process-table.ts";
import type { NodeState } from "./state.ts";

const killWaitMs = 10_000;
const slowestPollMs = 25;

/** True once the process is gone; false when it still lives after `waitMs`. */
const waitForEnd = async (turn: WriteTurn, identity: ProcessIdentity, waitMs: number): Promise<boolean> => {
  const until = performance.now() + waitMs;
  for (let pollMs = 2; turn.table.isAlive(identity); pollMs = Math.min(pollMs * 2, slowestPollMs)) {
    if (performance.now() >= until) return false;
    await sleep(pollMs);
  }
  return true;
};

/** How long a program that has only just been started may take to hear the signal. */
const beginWaitMs = 5_000;

/**
 * A program that comes after others is there for what they leave behind: one that is told to stop before it has begun
 * would end without having done that. Its probe says when it has.
 */
const letItBegin = async (
  turn: WriteTurn,
  state: NodeState,
  manner: { name: string; after?: readonly string[]; probe?: unknown },
  identity: ProcessIdentity,
): Promise<void> => {
  if (manner.probe === undefined || (manner.after ?? []).length === 0) return;
  const until = performance.now() + beginWaitMs;
  while (performance.now() < until && turn.table.isAlive(identity)) {
    if (await turn.monitor.isReady(state, manner.name, identity)) return;
    await sleep(slowestPollMs);
  }
};

const endProcess = async (
  turn: WriteTurn,
  identity: ProcessIdentity,
  manner: { stopSignal: "SIGTERM" | "SIGINT"; stopGraceMs: number },
): Promise<void> => {
  await turn.step("process.stop");
  if (
    signalProcess(identity, manner.stopSignal, turn.table) &&
    !(await waitForEnd(turn, identity, manner.stopGraceMs))
  ) {
    await turn.step("process.kill");
    signalProcess(identity, "SIGKILL", turn.table);
    await waitForEnd(turn, identity, killWaitMs);
  }
  // What the program itself has started must not outlive it.
  turn.table.killRemains(identity, turn.layout.home);
};

/** Ends all programs of a node at once, as the kernel would for want of memory. Their records stay. */
export const killPrograms = async (turn: WriteTurn, state: NodeState): Promise<void> => {
  await turn.step("node.kill");
  const identities = Object.values(state.processes).flatMap(({ identity }) => (identity ? [identity] : []));
  for (const identity of identities) signalProcess(identity, "SIGKILL", turn.table);
  for (const identity of identities) {
    await waitForEnd(turn, identity, killWaitMs);
    turn.table.killRemains(identity, turn.layout.home);
  }
};

/**
 * Ends all programs of a node: init commands and jobs first, then the others in reverse of their start order, each
 * with its grace. Programs that are gone already cost nothing.
 */
export const stopPrograms = async (turn: WriteTurn, node: string, state: NodeState): Promise<void> => {
  if (Object.keys(state.processes).length === 0) return;
  await settleIntents(turn, node, state);
  const known = inStartOrder(state.applied?.processes ?? [], (process) => process.after).reverse();
  const tasks = Object.keys(state.processes).filter((name) => !known.some((process) => process.name === name));
  const order = [...tasks.map((name) => ({ name, stopSignal: "SIGTERM" as const, stopGraceMs: 1000 })), ...known];
  for (const manner of order) {
    const identity = state.processes[manner.name]?.identity;
    if (!identity) continue;
    await letItBegin(turn, state, manner, identity);
    await endProcess(turn, identity, manner);
  }
  state.processes = {};
  turn.save();
};
