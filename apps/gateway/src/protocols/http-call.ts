import type { Meter, Settleable } from "@portolan/metering";
import type { HttpNode } from "../pipeline/http-nodes.ts";
import { requestHead } from "../pipeline/node-address.ts";
import type { CallFailure, NodeRequest } from "../pipeline/node-connection.ts";
import { type Refusal, refusals } from "../pipeline/refusal.ts";
import type { RequestLog } from "../pipeline/request-log.ts";
import type { HttpRequest } from "./http-request.ts";
import { toProblem } from "./rest-problem.ts";

export interface HttpCallDeps {
  meter: Meter;
  requests: Pick<RequestLog, "add">;
  /** None of the chain's nodes could be reached. */
  onUnreached(chainId: string): void;
}

const refusalOf: { readonly [failure in CallFailure]: Refusal } = {
  broken: refusals.unreachable,
  tooLarge: refusals.answerTooLarge,
  unsent: refusals.unhealthy,
};

/** So that answers that look alike are never taken for older ones, on the way. */
export const answerHeaders: readonly string[] = ["Cache-Control", "no-store", "X-Content-Type-Options", "nosniff"];

/** Says no to a request that was admitted, and remembers it. */
export const refuseLogged = (
  { requests }: Pick<HttpCallDeps, "requests">,
  request: HttpRequest,
  refusal: Refusal,
  status: "refused" | "failed",
): void => {
  const { grant, method, startedMs } = request;
  requests.add(grant, method.method, status, toProblem(refusal).status, startedMs);
  request.refuse(refusal);
};

/**
 * One request with one answer: to a node, into the meter, then back to the caller as the node gave it. Another node is
 * asked when nothing was sent to the first, and when its connection broke, if that does no harm.
 */
export class HttpCall implements NodeRequest, Settleable {
  readonly deadlineMs: number;
  readonly maxAnswerBytes: number;
  readonly #deps: HttpCallDeps;
  readonly #request: HttpRequest;
  readonly #body: string;
  readonly #nodes: readonly HttpNode[];
  #asked = 0;
  #status = 0;
  #text = "";

  private constructor(deps: HttpCallDeps, request: HttpRequest, body: string, nodes: readonly HttpNode[]) {
    const { route, grant, startedMs } = request;
    this.deadlineMs = startedMs + grant.policy.timeoutMs;
    this.maxAnswerBytes = route.maxAnswerBytes ?? grant.protocol.http?.maxAnswerBytes ?? 0;
    this.#deps = deps;
    this.#request = request;
    this.#body = body;
    const [first] = nodes;
    // A connection that broke may have been idle for too long: the only node is asked once more.
    this.#nodes = nodes.length === 1 && first !== undefined ? [first, first] : nodes;
  }

  /** `body`: latin1 text of its bytes. */
  static start(deps: HttpCallDeps, request: HttpRequest, body: string, nodes: readonly HttpNode[]): void {
    new HttpCall(deps, request, body, nodes).#ask(refusals.unhealthy);
  }

  #ask(otherwise: Refusal): void {
    const node = this.#nodes[this.#asked];
    this.#asked += 1;
    if (node === undefined) {
      if (otherwise === refusals.unhealthy) this.#deps.onUnreached(this.#request.grant.route.route.chainId);
      this.#fail(otherwise);
      return;
    }
    const { route, target } = this.#request;
    if (!node.pool.send(this.#body, this, requestHead(node.address, route.verb, target))) this.#fail(refusals.busy);
  }

  #fail(refusal: Refusal): void {
    refuseLogged(this.#deps, this.#request, refusal, "failed");
  }

  arrived(status: number, text: string): void {
    const { grant, method, weight, startedMs } = this.#request;
    const isFault = grant.protocol.http?.faultStatuses.includes(status) === true;
    // Where else something would be is nothing that a caller could reach.
    if (isFault || (status >= 300 && status < 400)) {
      this.#fail(refusals.badAnswer);
      return;
    }
    this.#status = status;
    this.#text = text;
    // From here on the node has answered: it is counted, whether or not the caller is still there.
    const { meter, requests } = this.#deps;
    meter.add(method.series, weight, 1);
    requests.add(grant, method.method, status < 400 ? "ok" : "error", status < 400 ? 0 : status, startedMs);
    meter.afterTurn(this);
  }

  lost(failure: CallFailure): void {
    const { verb, isRepeatable = verb === "GET" } = this.#request.route;
    const isHarmless = failure === "unsent" || (failure === "broken" && isRepeatable);
    if (isHarmless && performance.now() < this.deadlineMs) this.#ask(refusalOf[failure]);
    else this.#fail(refusalOf[failure]);
  }

  expired(): void {
    this.#fail(refusals.timeout);
  }

  settle(isRecorded: boolean): void {
    if (isRecorded) this.#request.reply.json(this.#status, this.#text, answerHeaders);
    else this.#request.refuse(refusals.unmetered);
  }
}
