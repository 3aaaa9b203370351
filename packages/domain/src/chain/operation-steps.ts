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

/** The steps an operation shows before anything has happened. */
export const initialSteps = (kind: OperationKind): OperationStep[] =>
  (restSteps[kind] ?? startSteps).map(({ key, title }) => ({ key, title, state: "pending" }));
