import type { IncomingMessage, ServerResponse } from "node:http";
import type { HttpRoute } from "@portolan/frameworks";
import type { Grant, MethodGrant } from "../edge/entries.ts";
import type { Caller } from "../pipeline/admission.ts";
import type { Refusal } from "../pipeline/refusal.ts";
import type { Reply } from "../pipeline/reply.ts";

/** A request that was admitted and whose route was found. */
export interface HttpRequest {
  grant: Grant;
  caller: Caller;
  method: MethodGrant;
  route: HttpRoute;
  /** dCU, with surcharges. */
  weight: number;
  /** What a node is asked for: path and query. */
  target: string;
  req: IncomingMessage;
  res: ServerResponse;
  reply: Reply;
  startedMs: number;
  refuse(refusal: Refusal): void;
}
