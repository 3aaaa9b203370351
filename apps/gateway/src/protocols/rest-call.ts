import type { IncomingMessage, ServerResponse } from "node:http";
import type { MeterSeries } from "@portolan/metering";
import type { Grant, MethodGrant } from "../edge/entries.ts";
import type { Caller } from "../pipeline/admission.ts";
import type { Refusal } from "../pipeline/refusal.ts";

/** A request that was admitted. */
export interface RestCall {
  grant: Grant;
  caller: Caller;
  method: MethodGrant;
  transfer: MeterSeries;
  req: IncomingMessage;
  res: ServerResponse;
  requestId: string;
  startedMs: number;
  abort: AbortController;
  /** Why we end it ourselves, once we do. */
  ending: Refusal | null;
  /** Bytes to and from nodes that are not metered yet. */
  bytes: number;
  /** Calls that nodes answered. */
  answers: number;
}
