import { setTimeout as sleep } from "node:timers/promises";
import type { WriteTurn } from "./context.ts";
import { signalProcess } from "./launch.ts";
import type { LabelledProcess } from "./process-table.ts";
import type { NodeState } from "./state.ts";

/** A worker that died between fork and exec leaves a program whose label can't be read for a moment. */
const youngMs = 300;
const rescanMs = 40;

const isOf = (found: LabelledProcess, placementId: string, node: string, process: string): boolean =>
  found.placementId === placementId && found.node === node && found.process === process;

/**
 * Settles intents: a program that was about to be started when its worker died is found by its label and taken
 * over, or was never started and may be. Without this, a crash between the two could start it twice.
 */
export const settleIntents = async (turn: WriteTurn, node: string, state: NodeState): Promise<void> => {
  const open = Object.entries(state.processes).filter(([, record]) => record.identity === undefined);
  if (open.length === 0) return;
  const { placementId } = turn.state;
  let found = turn.table.scan(turn.layout.home);
  const youngest = Math.max(...open.map(([, record]) => Date.parse(record.intentAt)));
  while (
    turn.clock.now().getTime() - youngest < youngMs &&
    !open.every(([process]) => found.some((one) => isOf(one, placementId, node, process)))
  ) {
    await sleep(rescanMs);
    found = turn.table.scan(turn.layout.home);
  }
  for (const [process, record] of open) {
    const [mine, ...doubles] = found.filter((one) => isOf(one, placementId, node, process));
    for (const double of doubles) signalProcess(double, "SIGKILL", turn.table);
    if (mine === undefined) {
      delete state.processes[process];
      continue;
    }
    const { pid, startTime, bootId } = mine;
    record.identity = { pid, startTime, bootId };
    record.incarnation = mine.incarnation;
    record.startedAt = record.intentAt;
    turn.log.info({ placementId, node, process, pid }, "took a running program over");
  }
  turn.save();
};

/** Ends programs that carry this placement's (or node's) label though nothing is recorded of them. */
export const endStrays = async (turn: WriteTurn, node?: string): Promise<void> => {
  const { placementId, nodes } = turn.state;
  const recorded = new Set(
    Object.values(nodes).flatMap((state) => Object.values(state.processes).map((record) => record.identity?.pid)),
  );
  for (const found of turn.table.scan(turn.layout.home)) {
    if (found.placementId !== placementId || (node !== undefined && found.node !== node)) continue;
    if (recorded.has(found.pid)) continue;
    await turn.step("stray.end");
    signalProcess(found, "SIGKILL", turn.table);
    turn.table.killRemains(found, turn.layout.home);
    turn.log.warn({ placementId, node: found.node, process: found.process, pid: found.pid }, "ended a stray program");
  }
};
