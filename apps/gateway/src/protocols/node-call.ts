import { errors } from "undici";
import { type Refusal, refusals } from "../pipeline/refusal.ts";
import type { Upstream, UpstreamHandler } from "../pipeline/upstream.ts";

type Controller = Parameters<NonNullable<UpstreamHandler["onRequestStart"]>>[0];

const answerOf = (chunks: readonly Buffer[]): string =>
  (chunks.length === 1 && chunks[0] !== undefined ? chunks[0] : Buffer.concat(chunks)).toString("latin1");

/** One HTTP request to a node. Exactly one of `answered` and `failed` is called, once. */
export abstract class NodeCall implements UpstreamHandler {
  readonly deadlineMs: number;
  readonly #upstream: Upstream;
  readonly #chunks: Buffer[] = [];
  #status = 0;
  #isOver = false;
  #controller: Controller | undefined;

  constructor(upstream: Upstream, deadlineMs: number) {
    this.#upstream = upstream;
    this.deadlineMs = deadlineMs;
  }

  /** The node's whole answer, as latin1 text; its form is not looked at yet. */
  protected abstract answered(text: string): void;
  protected abstract failed(refusal: Refusal): void;

  send(body: Buffer | string): void {
    if (!this.#upstream.send(body, this)) {
      this.#isOver = true;
      this.failed(refusals.busy);
    }
  }

  expire(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#controller?.abort(new errors.RequestAbortedError("the node did not answer in time"));
    this.failed(refusals.timeout);
  }

  onRequestStart(controller: Controller): void {
    this.#controller = controller;
    if (this.#isOver) controller.abort(new errors.RequestAbortedError("the call was given up"));
  }

  onResponseStart(_controller: Controller, status: number): void {
    this.#status = status;
  }

  onResponseData(_controller: Controller, chunk: Buffer): void {
    this.#chunks.push(chunk);
  }

  onResponseEnd(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#upstream.done(this);
    // A server error with a page of text is no answer to a call; client errors may carry a JSON-RPC error.
    if (this.#status >= 500) this.failed(refusals.badAnswer);
    else this.answered(answerOf(this.#chunks));
  }

  onResponseError(_controller: Controller, error: Error): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#upstream.done(this);
    this.failed(error instanceof errors.ResponseExceededMaxSizeError ? refusals.answerTooLarge : refusals.unreachable);
  }
}
