import {
  type Blueprint,
  type JsonObject,
  type NodeSpec,
  type OperationError,
  type Step,
  toNodeHash,
} from "@portolan/domain";

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

/** Steps that the chain itself waits for. */
export const ownSteps = (desired: Desired): Step[] =>
  desired.kind === "wanted" ? desired.steps.filter((step) => step.part === undefined) : [];

/** Node name → hash of what is wanted of it and which renderer wrote it. */
export const desiredHashes = (blueprints: {
  readonly [region: string]: Blueprint;
}): Map<string, { hash: string; rendererVersion: number }> => {
  const hashes = new Map<string, { hash: string; rendererVersion: number }>();
  for (const blueprint of Object.values(blueprints)) {
    for (const node of blueprint.nodes) {
      hashes.set(node.name, { hash: toNodeHash(node), rendererVersion: blueprint.rendererVersion });
    }
  }
  return hashes;
};
