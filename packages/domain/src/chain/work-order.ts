import type { JsonObject } from "../json.ts";
import type { Blueprint } from "./blueprint.ts";
import type { MaterialRef } from "./material.ts";
import type { Step } from "./step.ts";
import type { NodeSpec } from "./topology.ts";

/** What the coordinator wants of one placement. Written with the placement's generation, taken by fence. */
export interface WorkOrder {
  /** The placement's generation that this order answers. */
  generation: number;
  /** `reserve`: addresses only; `run`: apply and keep; `stop`: programs down, volumes kept; `remove`: nodes gone,
   * volumes kept; `purge`: everything gone; `snapshot`: programs down, volumes copied to the region's store; `verify`:
   * programs down, the copy checked and laid ready; `restore`: the copy put in the volumes' place. */
  action: "reserve" | "run" | "stop" | "remove" | "purge" | "snapshot" | "verify" | "restore";
  nodes: readonly NodeSpec[];
  blueprint?: Blueprint;
  /** Nodes that may be changed in this turn; absent: all. Others keep what is applied. */
  only?: readonly string[];
  steps: readonly Step[];
  /** Of `snapshot`, `verify` and `restore`: which backup; of the latter two the digest of this placement's copy. */
  backup?: {
    id: string;
    digest?: string;
    /** Of `verify`: the placement's addresses are those that certificates and configuration name; none other will do. */
    keepsAddresses?: true;
    /** Of `verify`: what the copy must have, where nobody but who brought it has said how much it is. */
    sizeBytes?: number;
  };
  /**
   * Keys of the chain's custody that this order may be signed with from its region. Absent: none: an authority must not
   * sign what a region makes up.
   */
  signers?: readonly string[];
  /** Chain facts an `inspect` needs: framework, settings, and what the framework adds (public, `inspection`). */
  chain: {
    chainId: string;
    framework: string;
    version: string;
    settings: JsonObject;
    serial?: number;
    isImported?: true;
    inspection?: JsonObject;
  };
}

/** Sealed material of an order, openable by one worker's private key only. */
export interface SealedSecret {
  ref: MaterialRef;
  /** base64 */
  sealed: string;
}
