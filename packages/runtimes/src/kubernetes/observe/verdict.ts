import type { NodeObservation } from "@portolan/domain";
import type { Failure } from "../../node-failure.ts";

/** How a node stands, as far as one look at its objects says it. */
export type Verdict = Pick<NodeObservation, "state"> &
  Partial<Failure> & {
    /** Where the cluster's events or a program's output say more than the status does. */
    ask?: "claim" | "events" | { container: string };
  };
