import type { JsonObject } from "@portolan/domain";

/** An economic protocol, as data. */
export interface ProtocolData {
  /** As settings name it; they may give the hash instead. */
  name: string;
  title: string;
  /** `P…` */
  hash: string;
  /** Cycles; fixed in the protocol, and part of what its constants must agree with. */
  slashingDelay: number;
  /** All parametric constants under the protocol's own names, and nothing else: the activation takes exactly these. */
  constants: JsonObject;
}
