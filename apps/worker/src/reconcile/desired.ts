import {
  type Blueprint,
  type JsonObject,
  type NodeSpec,
  type OperationError,
  type Step,
  toNodeHash,
} from "@portolan/domain";
import type { ChainWork } from "@portolan/store";
import type { Copying } from "./copy-turn.ts";

/** What the framework wants, as far as it could be computed in this pass. */
export type Desired =
  /** `isOfParts`: only nodes of parts lack theirs, so the chain itself is as it was. */
  | { kind: "waitingForAddresses"; nodes: readonly NodeSpec[]; isOfParts: boolean }
  | {
      kind: "wanted";
      nodes: readonly NodeSpec[];
      blueprints: { readonly [region: string]: Blueprint };
      steps: readonly Step[];
      /** Names of nodes that may be changed in this turn; null: no restriction. */
      only: readonly string[] | null;
      /** Keys that regions may have something signed with. */
      signers: readonly string[];
      /** What the framework wants its `inspect` to know, besides the settings. */
      inspection?: JsonObject;
    }
  /** Nothing is wanted to run until the chain's data is copied. */
  | { kind: "copying"; nodes: readonly NodeSpec[]; copying: Copying }
  /** Nothing is wanted to run. */
  | { kind: "resting"; nodes: readonly NodeSpec[] }
  | {
      kind: "impossible";
      nodes: readonly NodeSpec[];
      problem: OperationError;
    };

/** Nodes whose state is the chain's: those of a part are that part's matter. */
export const ownNodes = (desired: Pick<Desired, "nodes">): NodeSpec[] =>
  desired.nodes.filter((node) => node.part === undefined);

/** When the part's step last failed, if that was before `since` and nothing newer is known of it. */
const hasFailedBefore = (work: Pick<ChainWork, "placements">, key: string, since: string): boolean =>
  work.placements.some(({ stepResults }) =>
    stepResults.some((result) => result.key === key && result.state === "failed" && result.endedAt < since),
  );

/**
 * Steps that the chain itself waits for: its own, and while an operation of its own is under way those of parts that
 * were as wished before, because that operation is why there is something to do for them again (an organisation to
 * take into every channel, say). Not what had failed already: that is the part's trouble, and the operation's none.
 */
export const ownSteps = (work: Pick<ChainWork, "parts" | "operation" | "placements">, desired: Desired): Step[] => {
  if (desired.kind !== "wanted") return [];
  const { operation } = work;
  const settled = new Set(
    work.parts
      .filter((part) => part.operation === null && part.observedGeneration >= part.generation)
      .map(({ id }) => id),
  );
  return desired.steps.filter((step) => {
    if (step.part === undefined) return true;
    if (operation === null || !settled.has(step.part)) return false;
    return !hasFailedBefore(work, step.key, (operation.startedAt ?? new Date(0)).toISOString());
  });
};

/** Node name → hash of what is wanted of it, its version, and which renderer wrote it. */
export const desiredHashes = (blueprints: {
  readonly [region: string]: Blueprint;
}): Map<string, { hash: string; version: string; rendererVersion: number }> => {
  const hashes = new Map<string, { hash: string; version: string; rendererVersion: number }>();
  for (const blueprint of Object.values(blueprints)) {
    for (const node of blueprint.nodes) {
      const { rendererVersion } = blueprint;
      hashes.set(node.name, { hash: toNodeHash(node), version: node.version, rendererVersion });
    }
  }
  return hashes;
};
