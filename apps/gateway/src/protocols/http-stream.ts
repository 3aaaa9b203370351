import { once } from "node:events";
import { type ClientRequest, type IncomingMessage, request as requestHttp } from "node:http";
import { request as requestHttps } from "node:https";
import type { HttpStreamRule } from "@portolan/frameworks";
import type { HttpNode } from "../pipeline/http-nodes.ts";
import { takeRate } from "../pipeline/rate.ts";
import { type Refusal, refusals } from "../pipeline/refusal.ts";
import { corsHeaders } from "../pipeline/reply.ts";
import { answerHeaders, type HttpCallDeps, refuseLogged } from "./http-call.ts";
import type { HttpRequest } from "./http-request.ts";

const minuteMs = 60_000;
const lineFeed = 10;
const maxRefusalBytes = 64 * 1024;

/** A stream that is open, or about to be. */
export interface HttpStream {
  readonly request: HttpRequest;
  /** Cuts both sides. What a caller has got by then was counted; that it was cut shows in the missing last chunk. */
  end(why: Refusal): void;
}

const ask = ({ address }: HttpNode, target: string): ClientRequest => {
  const { host, port, isTls, servername, authority, basePath } = address;
  const options = {
    ...{ host, port, method: "GET", path: `${basePath}${target}`, agent: false as const },
    headers: { host: authority, accept: "application/json" },
    ...(servername === undefined ? {} : { servername }),
  };
  return isTls ? requestHttps(options) : requestHttp(options);
};

/** Counts lines, and what is longer than a line may be as several. */
const createMessageCount = ({ messageBytes }: HttpStreamRule): ((chunk: Buffer) => number) => {
  let openBytes = 0;
  return (chunk) => {
    let count = 0;
    let at = 0;
    for (let end = chunk.indexOf(lineFeed); end !== -1; end = chunk.indexOf(lineFeed, at)) {
      // What there is of the line beyond the pieces that were counted when they came.
      count += Math.ceil((openBytes + end - at) / messageBytes);
      openBytes = 0;
      at = end + 1;
    }
    openBytes += chunk.length - at;
    const pieces = Math.floor(openBytes / messageBytes);
    openBytes -= pieces * messageBytes;
    return count + pieces;
  };
};

/** A node's answer that is no stream, as text. Cut at a bound: it is an error. Throws where it does not end in time. */
const readShort = async (answer: IncomingMessage, timeoutMs: number): Promise<string> => {
  let text = "";
  const timer = setTimeout(() => answer.destroy(new Error("it does not end")), timeoutMs);
  try {
    for await (const chunk of answer as AsyncIterable<Buffer>) {
      text += chunk.toString("latin1");
      if (text.length > maxRefusalBytes) break;
    }
  } finally {
    clearTimeout(timer);
  }
  return text.slice(0, maxRefusalBytes);
};

const openNode = (node: HttpNode, target: string, timeoutMs: number, signal: AbortSignal) =>
  new Promise<IncomingMessage | "unreached" | "timeout">((resolve) => {
    const asked = ask(node, target);
    const timer = setTimeout(() => {
      resolve("timeout");
      asked.destroy();
    }, timeoutMs);
    const onAbort = (): void => void asked.destroy();
    signal.addEventListener("abort", onAbort, { once: true });
    if (signal.aborted) onAbort();
    asked.on("error", () => {
      clearTimeout(timer);
      resolve("unreached");
    });
    asked.once("response", (answer) => {
      clearTimeout(timer);
      // The stream's own reader hears of it.
      answer.on("error", () => undefined);
      resolve(answer);
    });
    asked.end();
  });

/** Sends lines on as they come: each chunk is counted, leaves with its record, and only then is more read. */
export class LineStream implements HttpStream {
  readonly request: HttpRequest;
  readonly #deps: HttpCallDeps;
  readonly #rule: HttpStreamRule;
  readonly #abort = new AbortController();
  #isCut = false;

  constructor(deps: HttpCallDeps, request: HttpRequest, rule: HttpStreamRule) {
    this.request = request;
    this.#deps = deps;
    this.#rule = rule;
  }

  end(why: Refusal): void {
    if (this.#isCut) return;
    this.#isCut = true;
    if (!this.request.res.headersSent) this.request.refuse(why);
    else this.request.res.destroy();
    this.#abort.abort();
  }

  /** Until one side ends it. Never throws. */
  async run(nodes: readonly HttpNode[]): Promise<void> {
    const { res, grant } = this.request;
    res.once("close", () => this.#abort.abort());
    for (const node of nodes) {
      const answer = await openNode(node, this.request.target, grant.policy.timeoutMs, this.#abort.signal);
      if (this.#abort.signal.aborted) {
        if (typeof answer === "object") answer.destroy();
        return;
      }
      if (answer === "timeout") {
        refuseLogged(this.#deps, this.request, refusals.timeout, "failed");
        return;
      }
      if (answer !== "unreached") {
        await this.#serve(answer);
        return;
      }
      node.failed();
    }
    this.#deps.onUnreached(grant.route.route.chainId);
    refuseLogged(this.#deps, this.request, refusals.unhealthy, "failed");
  }

  async #serve(answer: IncomingMessage): Promise<void> {
    const { res } = this.request;
    const stop = (): void => void answer.destroy();
    this.#abort.signal.addEventListener("abort", stop, { once: true });
    try {
      if (answer.statusCode === 200) await this.#copy(answer);
      else await this.#sayNo(answer);
    } catch {
      // The node's connection broke, or the caller's: what was begun is not shown as if it were whole.
      if (res.headersSent) res.destroy();
      else refuseLogged(this.#deps, this.request, refusals.unreachable, "failed");
    } finally {
      answer.destroy();
    }
  }

  async #sayNo(answer: IncomingMessage): Promise<void> {
    const { grant, method, reply, weight, startedMs } = this.request;
    const { meter, requests } = this.#deps;
    const status = answer.statusCode ?? 0;
    const isFault = grant.protocol.http?.faultStatuses.includes(status) === true;
    if (isFault || status < 400) {
      refuseLogged(this.#deps, this.request, refusals.badAnswer, "failed");
      return;
    }
    const text = await readShort(answer, grant.policy.timeoutMs);
    meter.add(method.series, weight, 1);
    requests.add(grant, method.method, "error", status, startedMs);
    if (await this.#isRecorded()) reply.json(status, text, answerHeaders);
    else this.request.refuse(refusals.unmetered);
  }

  #isRecorded(): Promise<boolean> {
    return new Promise((resolve) => this.#deps.meter.afterTurn({ settle: resolve }));
  }

  async #copy(answer: IncomingMessage): Promise<void> {
    const { grant, method, req, res, weight, startedMs } = this.request;
    const { meter, requests } = this.#deps;
    const { minuteWeight } = this.#rule;
    meter.add(method.series, weight + minuteWeight, 1);
    requests.add(grant, method.method, "ok", 0, startedMs);
    if (!(await this.#isRecorded())) {
      this.request.refuse(refusals.unmetered);
      return;
    }
    const head = ["Content-Type", "application/json", ...answerHeaders, "X-Accel-Buffering", "no"];
    res.writeHead(200, [...head, ...corsHeaders(req.headers.origin !== undefined)]);
    res.flushHeaders();
    const minutes = setInterval(() => meter.add(method.series, minuteWeight, 0), minuteMs);
    minutes.unref();
    try {
      const count = createMessageCount(this.#rule);
      for await (const chunk of answer as AsyncIterable<Buffer>) await this.#send(chunk, count(chunk));
      res.end();
    } finally {
      clearInterval(minutes);
    }
  }

  async #send(chunk: Buffer, messages: number): Promise<void> {
    const { method, res } = this.request;
    const { meter } = this.#deps;
    const weight = messages * this.#rule.messageWeight;
    await this.#awaitRate(weight);
    if (!meter.isAccepting) throw new Error("usage can't be recorded");
    meter.add(method.series, weight, 0);
    if (!(await this.#isRecorded())) throw new Error("usage can't be recorded");
    if (!res.write(chunk)) await once(res, "drain", { signal: this.#abort.signal });
  }

  /** More messages than the key's rate has room for wait, and with them the node. */
  async #awaitRate(weight: number): Promise<void> {
    while (weight > 0) {
      const limited = takeRate(this.request.grant, weight, performance.now());
      if (limited === null) return;
      await pause((limited.retryAfterSeconds ?? 1) * 1_000, this.#abort.signal);
    }
  }
}

const pause = (ms: number, signal: AbortSignal): Promise<void> =>
  new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, ms);
    const onAbort = (): void => {
      clearTimeout(timer);
      reject(new Error("it was ended"));
    };
    if (signal.aborted) onAbort();
    else signal.addEventListener("abort", onAbort, { once: true });
  });
