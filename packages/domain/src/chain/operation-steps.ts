import type { ConditionType } from "./condition.ts";
import type { OperationKind, OperationStep } from "./operation.ts";

/** Steps of every operation that ends with a running chain; each is done when its condition is true. */
export const startSteps: readonly { key: string; title: string; condition: ConditionType }[] = [
  { key: "material", title: "Reserve addresses, make keys and genesis", condition: "materialReady" },
  { key: "nodes", title: "Start the nodes", condition: "nodesReady" },
  { key: "network", title: "Wait until the network answers", condition: "networkReady" },
  { key: "endpoint", title: "Open the endpoint", condition: "endpointReady" },
];

/** Steps of operations that end with nothing running. */
export const restSteps: { readonly [kind in OperationKind]?: readonly { key: string; title: string }[] } = {
  "chain.pause": [
    { key: "close", title: "Close the endpoint" },
    { key: "stop", title: "Stop the nodes" },
  ],
  "chain.delete": [
    { key: "close", title: "Close the endpoint" },
    { key: "remove", title: "Stop and remove the nodes" },
  ],
  "chain.purge": [{ key: "purge", title: "Remove volumes and keys" }],
};

/** Steps of a part's operation: those of the framework stand between the first and the last. */
export const partSteps = {
  material: { key: "material", title: "Make what it needs" },
  nodes: { key: "nodes", title: "Start its nodes" },
  reached: { key: "reached", title: "Find it in the network as wished" },
  gone: { key: "reached", title: "Find it gone from the network" },
} as const;

const partKinds: { readonly [kind in OperationKind]?: readonly { key: string; title: string }[] } = {
  "part.create": [partSteps.material, partSteps.reached],
  "part.update": [partSteps.material, partSteps.reached],
  "part.delete": [partSteps.gone],
};

/** What goes before the start of the nodes when a chain's data is copied. */
export const backupSteps = [
  { key: "stop", title: "Stop the nodes" },
  { key: "copy", title: "Copy the data" },
] as const;

/** The same when a backup's data is put in the place of the present one. */
export const restoreSteps = [
  { key: "stop", title: "Stop the nodes" },
  { key: "verify", title: "Check the backup's files" },
  { key: "replace", title: "Put the backup's data in place" },
] as const;

/** The same when a chain comes from another plane, whose nodes have never run here. */
export const importSteps = [
  { key: "stop", title: "Make sure that nothing of it runs" },
  { key: "verify", title: "Reserve its addresses, check the backup's files" },
  { key: "replace", title: "Put the backup's data in place" },
] as const;

const firstSteps: { readonly [kind in OperationKind]?: readonly { key: string; title: string }[] } = {
  ...restSteps,
  ...partKinds,
  "chain.backup": backupSteps,
  "chain.import": [...importSteps, ...startSteps],
};

/** The steps an operation shows before anything has happened. */
export const initialSteps = (kind: OperationKind): OperationStep[] =>
  (firstSteps[kind] ?? startSteps).map(({ key, title }) => ({ key, title, state: "pending" }));
