import type { Settleable } from "@portolan/metering";
import type { Grant } from "../edge/entries.ts";
import { type Refusal, refusals } from "../pipeline/refusal.ts";
import type { Reply } from "../pipeline/reply.ts";
import { readAnswer, withId } from "../pipeline/rpc-answer.ts";
import { writeCall } from "../pipeline/rpc-body.ts";
import { type JsonRpcDeps, type Judged, noteSnapshot, syntheticAnswer } from "./json-rpc-judge.ts";
import { NodeCall } from "./node-call.ts";

const ownId = 1;
/** Where an error would stand in an answer as nodes write it; for the request log only. */
const errorWithin = 160;

/** A single call on its way: to the node, into the meter, then back to the caller. */
export class SingleCall extends NodeCall implements Settleable {
  readonly #deps: JsonRpcDeps;
  readonly #grant: Grant;
  readonly #judged: Judged;
  readonly #reply: Reply;
  readonly #startedMs: number;
  #text = "";

  constructor(deps: JsonRpcDeps, grant: Grant, judged: Judged, reply: Reply, startedMs: number) {
    super(startedMs + grant.policy.timeoutMs);
    this.#deps = deps;
    this.#grant = grant;
    this.#judged = judged;
    this.#reply = reply;
    this.#startedMs = startedMs;
  }

  static start(deps: JsonRpcDeps, grant: Grant, judged: Judged, body: string, reply: Reply, startedMs: number): void {
    const own = syntheticAnswer(judged);
    if (own !== null) {
      deps.meter.add(judged.method.series, 0, 1);
      deps.requests.add(grant, judged.method.method, "ok", 0, startedMs);
      deps.meter.afterTurn({
        settle: (isRecorded) => {
          if (!isRecorded) reply.refuse(refusals.unmetered, judged.call.id ?? "null");
          else if (judged.call.id === null) reply.empty();
          else reply.json(200, own);
        },
      });
      return;
    }
    const upstream = deps.upstreams.get(grant.route);
    if (upstream === null) {
      judged.turn?.end();
      deps.requests.add(grant, judged.method.method, "failed", refusals.unhealthy.rpcCode, startedMs);
      reply.refuse(refusals.unhealthy, judged.call.id ?? "null");
      return;
    }
    const call = new SingleCall(deps, grant, judged, reply, startedMs);
    call.send(upstream, judged.call.isPlain ? body : writeCall(judged.call, ownId));
  }

  protected answered(text: string): void {
    const { call, method, weight, turn } = this.#judged;
    turn?.end();
    let isError = text.lastIndexOf('"error"', errorWithin) !== -1;
    if (call.isPlain && !method.tellsSnapshots) {
      if (text.charCodeAt(0) !== 123) {
        this.failed(refusals.badAnswer);
        return;
      }
      this.#text = text;
    } else {
      const answer = readAnswer(text);
      if (answer === null) {
        this.failed(refusals.badAnswer);
        return;
      }
      isError = answer.isError;
      this.#text = call.isPlain ? text : withId(text, answer, call.id ?? "null");
      if (!isError)
        noteSnapshot(this.#deps, this.#grant, this.#judged, text.slice(answer.resultStart, answer.resultEnd));
    }
    // From here on the node has answered: it is counted, whether or not the caller is still there.
    this.#deps.meter.add(method.series, weight, 1);
    this.#deps.requests.add(this.#grant, method.method, isError ? "error" : "ok", 0, this.#startedMs);
    this.#deps.meter.afterTurn(this);
  }

  protected failed(refusal: Refusal): void {
    const { call, method, turn } = this.#judged;
    turn?.end();
    this.#deps.requests.add(this.#grant, method.method, "failed", refusal.rpcCode, this.#startedMs);
    this.#reply.refuse(refusal, call.id ?? "null");
  }

  settle(isRecorded: boolean): void {
    const { id } = this.#judged.call;
    if (!isRecorded) this.#reply.refuse(refusals.unmetered, id ?? "null");
    else if (id === null) this.#reply.empty();
    else this.#reply.json(200, this.#text);
  }
}
