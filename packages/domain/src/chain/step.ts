import type { JsonObject } from "../json.ts";

/**
 * Something that must be done inside a running network. A value, so that it can travel to the region where the
 * network is reachable; `action` names the function of the framework that does it, idempotently.
 */
export interface Step {
  key: string;
  action: string;
  title: string;
  region: string;
  node?: string;
  /** Keys of steps that must have succeeded, in whatever region. */
  dependsOn: readonly string[];
  input: JsonObject;
  /** Id of the chain's part (a channel, …) that this step is for: its own operation shows it. Absent: the chain's. */
  part?: string;
  /** False: said to the user before it runs, and a cancel can't take it back. */
  isUndoable: boolean;
  timeoutMs: number;
}
