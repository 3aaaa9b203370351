import type { Clock } from "@portolan/domain";
import { hasErrorCode, type Logger } from "@portolan/kit";
import type { Failure } from "../node-failure.ts";
import type { PlacementRef } from "../runtime.ts";
import type { Exits } from "./exits.ts";
import type { Guard, Turn } from "./guard.ts";
import type { Layout } from "./layout.ts";
import type { MemoryWatch } from "./memory-watch.ts";
import type { Monitor } from "./monitor.ts";
import type { PortRegistry } from "./port-registry.ts";
import type { ProcessTable } from "./process-table.ts";
import type { ProgramFinder } from "./programs.ts";
import type { RunUser } from "./run-user.ts";
import type { PlacementState, StateStore } from "./state.ts";

/** What the parts of the process runtime share. */
export interface Context {
  layout: Layout;
  states: StateStore;
  guard: Guard;
  table: ProcessTable;
  ports: PortRegistry;
  portHost: string;
  programs: ProgramFinder;
  user: RunUser | undefined;
  monitor: Monitor;
  memory: MemoryWatch;
  clock: Clock;
  log: Pick<Logger, "info" | "warn">;
  maxLogBytes: number;
  startAfterWaitMs: number;
  exits: Exits;
  /** Whether programs of this placement ran when the runtime was made. */
  ranBefore(placementId: string): boolean;
  /** Failures, by `placement/node`, that could not be written down because the disk is full. */
  unsaved: Map<string, Failure>;
  checkpoint: (name: string) => void | Promise<void>;
}

/** One writing call on one placement. */
export interface WriteTurn extends Context {
  state: PlacementState;
  /** Before each side effect: a crash may be injected here, and the fence is looked at again. */
  step(name: string): Promise<void>;
  save(options?: { isDurable?: boolean }): void;
}

/** Runs `work` as the only writer of the placement. */
export const withTurn = async <T>(
  context: Context,
  placement: PlacementRef,
  fence: bigint,
  work: (turn: WriteTurn) => Promise<T>,
): Promise<T> => {
  const held: Turn = await context.guard.enter(placement.placementId, fence);
  try {
    const state = context.states.loadOrNew(placement);
    state.fence = String(fence);
    const step = async (name: string): Promise<void> => {
      await context.checkpoint(name);
      held.check();
    };
    const turn: WriteTurn = { ...context, state, step, save: (options) => context.states.save(state, options) };
    try {
      return await work(turn);
    } finally {
      context.monitor.refresh(state);
    }
  } finally {
    held.release();
  }
};

/** For what must work on a full disk: ends and removals, whose records on the way are dispensable. */
export const withTolerantSave = (turn: WriteTurn): WriteTurn => ({
  ...turn,
  save: (options) => {
    try {
      turn.save(options);
    } catch (error) {
      if (!hasErrorCode(error, "ENOSPC", "EDQUOT")) throw error;
    }
  },
});
