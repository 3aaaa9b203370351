import { once } from "node:events";
import type { RestEvent } from "@portolan/frameworks";
import type { Meter } from "@portolan/metering";
import { refusals } from "../pipeline/refusal.ts";
import { corsHeaders } from "../pipeline/reply.ts";
import type { RequestLog } from "../pipeline/request-log.ts";
import type { RestCall } from "./rest-call.ts";
import { errorToProblem, renderProblem, toProblem } from "./rest-problem.ts";

/** So long a stream that can't be opened has to say so with a status. */
const openingMs = 500;
/** Proxies end what is silent. */
const heartbeatMs = 15_000;
const stalledMs = 120_000;

/** One event (https://html.spec.whatwg.org/multipage/server-sent-events.html); line ends in a name would begin a field. */
const render = ({ id, name, data }: RestEvent): string =>
  `id: ${id.replace(/[\r\n\0]/g, "")}\nevent: ${name.replace(/[\r\n]/g, " ")}\ndata: ${JSON.stringify(data)}\n\n`;

/**
 * Sends events until one side ends it. Each is counted before it leaves. Throws what the stream failed with before
 * anything was sent.
 */
export const sendEvents = async (
  deps: { meter: Meter; requests: Pick<RequestLog, "add"> },
  call: RestCall,
  events: AsyncIterable<RestEvent>,
): Promise<void> => {
  const { meter, requests } = deps;
  const { res, req, method, transfer, abort } = call;
  const source = events[Symbol.asyncIterator]();
  let next = source.next();
  let timer: NodeJS.Timeout | undefined;
  const opening = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, openingMs);
  });
  await Promise.race([next, opening]);
  clearTimeout(timer);
  if (res.destroyed) {
    next.catch(() => undefined);
    return;
  }
  res.writeHead(200, [
    "Content-Type",
    "text/event-stream",
    "Cache-Control",
    "no-store",
    "X-Request-Id",
    call.requestId,
    ...corsHeaders(req.headers.origin !== undefined),
  ]);
  res.write(": open\n\n");
  requests.add(call.grant, method.method, "ok", 0, call.startedMs);
  const heartbeat = setInterval(() => {
    if (!res.writableNeedDrain) res.write(": \n\n");
  }, heartbeatMs);
  const write = async (text: string): Promise<void> => {
    const isRecorded = await new Promise<boolean>((resolve) => meter.afterTurn({ settle: resolve }));
    if (!isRecorded) throw new Error("usage can't be recorded");
    if (res.write(text)) return;
    const stalled = AbortSignal.timeout(stalledMs);
    try {
      await once(res, "drain", { signal: AbortSignal.any([abort.signal, stalled]) });
    } finally {
      if (stalled.aborted) call.ending ??= refusals.slowReader;
    }
  };
  try {
    for (;;) {
      const { done, value } = await next;
      if (res.destroyed || (done === true && call.ending === null)) break;
      if (done === true) throw new Error("it was ended");
      if (!meter.isAccepting) throw new Error("usage can't be recorded");
      meter.add(method.series, method.quantity, 1);
      if (call.bytes > 0) meter.add(transfer, call.bytes, 0);
      call.bytes = 0;
      await write(render(value));
      next = source.next();
    }
  } catch (error) {
    const problem =
      (call.ending === null ? errorToProblem(error) : toProblem(call.ending)) ??
      toProblem(meter.isAccepting ? refusals.unhealthy : refusals.unmetered);
    if (!res.destroyed) res.write(`event: error\ndata: ${renderProblem(problem, call.requestId)}\n\n`);
  } finally {
    clearInterval(heartbeat);
    abort.abort();
    await source.return?.(undefined).catch(() => undefined);
    res.end();
  }
};
