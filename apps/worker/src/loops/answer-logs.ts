import type { CentrePort } from "@portolan/contract";
import type { Clock, LogLine } from "@portolan/domain";
import type { Logger } from "@portolan/kit";
import type { Runtime } from "@portolan/runtimes";

/** A program can be chatty; an answer is not longer than this. */
const maxLineLength = 4_000;

/** Answers requests for nodes' log lines: the worker that owns the driver reads them, the API relays. */
export const createLogAnswerer = (deps: {
  centre: CentrePort;
  regions: readonly string[];
  runtimeFor(region: string): Runtime | undefined;
  clock: Clock;
  log: Logger;
}) => {
  const answer = async (request: Awaited<ReturnType<CentrePort["logRequests"]>>[number]): Promise<void> => {
    const lines: LogLine[] = [];
    const runtime = deps.runtimeFor(request.region);
    const ref = {
      placementId: request.placementId,
      chainId: request.chainId,
      tenantId: request.tenantId,
      region: request.region,
    };
    const options = {
      limit: request.limit,
      ...(request.since === undefined ? {} : { since: new Date(request.since) }),
    };
    try {
      if (runtime !== undefined) {
        for await (const line of runtime.logs(ref, request.node, options)) {
          lines.push({ ...line, line: line.line.slice(0, maxLineLength) });
        }
      }
    } catch (error) {
      deps.log.warn({ err: error, placementId: request.placementId }, "a node's log could not be read");
    }
    await deps.centre.answerLogs(request.id, lines);
  };
  return async (): Promise<void> => {
    for (const request of await deps.centre.logRequests(deps.regions)) await answer(request);
  };
};
