import { mkdirSync, readdirSync, readFileSync, statSync } from "node:fs";
import { DomainError, type NodeAddress, type ProcessSpec } from "@portolan/domain";
import { hasErrorCode } from "@portolan/kit";
import type { Failure } from "../node-failure.ts";
import type { PlacementRef } from "../runtime.ts";
import { writeAtomically } from "./atomic-file.ts";
import type { Layout } from "./layout.ts";
import type { ProcessIdentity } from "./process-table.ts";

/** One started program. Without `identity` it is an intent: it may or may not have been started. */
export interface ProcessRecord {
  incarnation: number;
  intentAt: string;
  identity?: ProcessIdentity;
  startedAt?: string;
  /** When its end was noticed; the record stays until it is started again. */
  endedAt?: string;
  failures: number;
  nextStartAt?: string;
}

/** What is needed of the blueprint to observe and stop a node without it. Holds no secrets. */
export interface AppliedNode {
  processes: Pick<ProcessSpec, "name" | "probe" | "after" | "isAuxiliary" | "stopSignal" | "stopGraceMs">[];
  ports: { name: string; host: string; number: number; bindHost: string; bindNumber: number }[];
  startAfter: readonly string[];
  jobs: string[];
  /** What the plan sells. Absent: from before it was written down. */
  memoryBytes?: number;
}

export interface NodeState {
  appliedHash?: string;
  rendererVersion?: number;
  applied?: AppliedNode;
  incarnation: number;
  restarts: number;
  isStopped: boolean;
  /** True once files are written and every init command has succeeded, for this incarnation. */
  isPrepared: boolean;
  processes: { [process: string]: ProcessRecord };
  /** Key → when it succeeded. Stays as long as the volumes do. */
  jobs: { [key: string]: string };
  failure?: Failure;
  /** The hash that was tried when it failed. */
  failedHash?: string;
  failures: number;
  nextStartAt?: string;
  waitingSince?: string;
}

export interface PlacementState {
  version: 1;
  placementId: string;
  chainId: string;
  tenantId: string;
  region: string;
  fence: string;
  addresses: NodeAddress[];
  nodes: { [node: string]: NodeState };
}

export const emptyNodeState = (): NodeState => ({
  incarnation: 0,
  restarts: 0,
  isStopped: false,
  isPrepared: false,
  processes: {},
  jobs: {},
  failures: 0,
});

const isState = (value: unknown): value is PlacementState =>
  typeof value === "object" && value !== null && "version" in value && value.version === 1 && "nodes" in value;

export type StateStore = ReturnType<typeof createStateStore>;

/** `state.json` of each placement: the disk is the truth, so nothing is cached between turns. */
export const createStateStore = (layout: Layout) => {
  const load = (placementId: string): PlacementState | undefined => {
    let text: string;
    try {
      text = readFileSync(layout.state(placementId), "utf8");
    } catch (error) {
      if (hasErrorCode(error, "ENOENT", "ENOTDIR")) return undefined;
      throw error;
    }
    try {
      const value: unknown = JSON.parse(text);
      if (isState(value)) return value;
    } catch {
      // Said below, with what to do.
    }
    throw new DomainError({
      code: "runtime.failed",
      message: "The placement's state file can't be read.",
      hint: "Move the placement's state.json away; running programs are found again by their labels.",
      detail: layout.state(placementId),
    });
  };
  return {
    load,
    loadOrNew: (placement: PlacementRef): PlacementState =>
      load(placement.placementId) ?? { version: 1, ...pick(placement), fence: "0", addresses: [], nodes: {} },
    save: (state: PlacementState, options: { isDurable?: boolean } = {}): void => {
      const path = layout.state(state.placementId);
      const text = `${JSON.stringify(state)}\n`;
      try {
        writeAtomically(path, text, { mode: 0o600, ...options });
      } catch (error) {
        if (!hasErrorCode(error, "ENOENT")) throw error;
        mkdirSync(layout.placement(state.placementId), { recursive: true, mode: 0o711 });
        writeAtomically(path, text, { mode: 0o600, ...options });
      }
    },
    /** Names of the placements' directories with the time of their state's last change, in milliseconds. */
    list: (): { name: string; changedMs: number }[] => {
      let names: string[];
      try {
        names = readdirSync(layout.placements);
      } catch {
        return [];
      }
      return names.flatMap((name) => {
        const stat = statSync(`${layout.placements}/${name}/state.json`, { throwIfNoEntry: false });
        return stat ? [{ name, changedMs: stat.mtimeMs }] : [];
      });
    },
  };
};

const pick = ({ placementId, chainId, tenantId, region }: PlacementRef): PlacementRef => ({
  placementId,
  chainId,
  tenantId,
  region,
});
