import type { Grant } from "../edge/entries.ts";
import { refusals } from "../pipeline/refusal.ts";
import type { Reply } from "../pipeline/reply.ts";
import { readRpcBody } from "../pipeline/rpc-body.ts";
import { BatchCall } from "./json-rpc-batch.ts";
import { isJudged, type JsonRpcDeps, judge } from "./json-rpc-judge.ts";
import { SingleCall } from "./json-rpc-single.ts";

/** JSON-RPC 2.0 over HTTP: single calls and batches, each item judged by itself. `body`: latin1 text of its bytes. */
export const createJsonRpc =
  (deps: JsonRpcDeps) =>
  (grant: Grant, body: string, reply: Reply): void => {
    const startedMs = performance.now();
    const { requests } = deps;
    const parsed = readRpcBody(body, grant.policy.maxBatch);
    if (parsed.kind === "single") {
      const { call } = parsed;
      const found = judge(grant, call, deps, startedMs);
      if (!isJudged(found)) {
        requests.add(grant, call.method ?? "", "refused", found.rpcCode, startedMs);
        reply.refuse(found, call.id ?? "null");
        return;
      }
      SingleCall.start(deps, grant, found, body, reply, startedMs);
      return;
    }
    if (parsed.kind === "batch" && parsed.calls.length > 0 && parsed.calls.length <= grant.policy.maxBatch) {
      BatchCall.start(deps, grant, parsed.calls, reply, startedMs);
      return;
    }
    const refusal =
      parsed.kind === "malformed"
        ? refusals.malformed
        : parsed.kind === "other"
          ? refusals.notRequest
          : parsed.calls.length === 0
            ? refusals.emptyBatch
            : refusals.batchTooLong;
    requests.add(grant, "", "refused", refusal.rpcCode, startedMs);
    reply.refuse(refusal);
  };
