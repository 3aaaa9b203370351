import type { CallFailure, NodeRequest } from "../pipeline/node-connection.ts";
import { type Refusal, refusals } from "../pipeline/refusal.ts";
import type { Upstream } from "../pipeline/upstream.ts";

const refusalOf: { readonly [failure in CallFailure]: Refusal } = {
  broken: refusals.unreachable,
  tooLarge: refusals.answerTooLarge,
  unsent: refusals.unhealthy,
};

/** One HTTP request to a node. Exactly one of `answered` and `failed` is called, once. */
export abstract class NodeCall implements NodeRequest {
  readonly deadlineMs: number;

  constructor(deadlineMs: number) {
    this.deadlineMs = deadlineMs;
  }

  /** The node's whole answer, as latin1 text; its form is not looked at yet. */
  protected abstract answered(text: string): void;
  protected abstract failed(refusal: Refusal): void;

  /** `body`: latin1 text of its bytes. */
  send(upstream: Upstream, body: string): void {
    if (!upstream.send(body, this)) this.failed(refusals.busy);
  }

  arrived(status: number, text: string): void {
    // A server error with a page of text is no answer to a call; client errors may carry a JSON-RPC error.
    if (status >= 500) this.failed(refusals.badAnswer);
    else this.answered(text);
  }

  lost(failure: CallFailure): void {
    this.failed(refusalOf[failure]);
  }

  expired(): void {
    this.failed(refusals.timeout);
  }
}
