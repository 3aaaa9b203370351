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
  | { kind: "waitingForAddresses"; nodes: readonly NodeSpec[] }
  | {
      kind: "wanted";
      nodes: readonly NodeSpec[];
      blueprints: { readonly [region: string]: Blueprint };
      steps: readonly Step[];
      /** Names of nodes that may be changed in this turn; null: no restriction. */
      only: readonly string[] | null;
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
