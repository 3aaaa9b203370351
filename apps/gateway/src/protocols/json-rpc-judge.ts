import type { Meter } from "@portolan/metering";
import type { Grant, MethodGrant } from "../edge/entries.ts";
import { isRefusal } from "../pipeline/grant.ts";
import { takeRate } from "../pipeline/rate.ts";
import { invalidRequest, outOfBounds, type Refusal, refusals } from "../pipeline/refusal.ts";
import type { RequestLog } from "../pipeline/request-log.ts";
import type { RpcCall } from "../pipeline/rpc-body.ts";
import type { SnapshotBound } from "../pipeline/snapshot-bound.ts";
import type { StateLoadBound, StateLoadTurn } from "../pipeline/state-load-bound.ts";
import type { UpstreamTable } from "../pipeline/upstream-table.ts";

export interface JsonRpcDeps {
  meter: Meter;
  upstreams: Pick<UpstreamTable, "get">;
  requests: Pick<RequestLog, "add">;
  snapshots: SnapshotBound;
  stateLoads: StateLoadBound;
}

/** One call that may go to the node, or be answered by the gateway itself. */
export interface Judged {
  call: RpcCall;
  method: MethodGrant;
  /** dCU, with surcharges. */
  weight: number;
  /** Of a state load only: to be ended with the call, whatever its end. */
  turn?: StateLoadTurn;
}

const syntheticAnswers = {
  emptyList: "[]",
  modules: '{"eth":"1.0","net":"1.0","web3":"1.0","rpc":"1.0"}',
};

/** The bound whose calls go one at a time. */
const stateLoad = "stateLoad";

// latin1 text would give mangled names to the checks.
const readParams = (call: RpcCall): unknown =>
  call.params === "" ? undefined : JSON.parse(Buffer.from(call.params, "latin1").toString("utf8"));

/** Checking a state is work: the chain's turn and the rate come first, and a refused one has used up both. */
const judgeStateLoad = (grant: Grant, call: RpcCall, method: MethodGrant, deps: JsonRpcDeps, nowMs: number) => {
  const turn = deps.stateLoads.begin(grant.route.route.chainId);
  if (turn === null) return refusals.busyStateLoad;
  try {
    const limited = takeRate(grant, method.weight, nowMs);
    const problem = limited === null ? turn.check(() => grant.policy.check(stateLoad, readParams(call))) : null;
    const found = limited ?? (problem === null ? { call, method, weight: method.weight, turn } : outOfBounds(problem));
    if (!isJudged(found)) turn.end();
    return found;
  } catch (error) {
    turn.end();
    throw error;
  }
};

/** Judges one call by the policy, the key and the rate. Pure but for the key's bucket. */
export const judge = (grant: Grant, call: RpcCall, deps: JsonRpcDeps, nowMs: number): Judged | Refusal => {
  if (call.fault !== null || call.method === null) return invalidRequest(call.fault ?? "");
  const method = grant.method(call.method);
  if (isRefusal(method)) return method;
  const { verdict } = method;
  if (verdict.kind === "forward" && verdict.bound === stateLoad)
    return judgeStateLoad(grant, call, method, deps, nowMs);
  let weight = method.weight;
  if (verdict.kind === "forward" && method.readsParams) {
    const params = readParams(call);
    if (verdict.bound !== undefined) {
      const problem = grant.policy.check(verdict.bound, params);
      if (problem !== null) return outOfBounds(problem);
    }
    weight += grant.policy.surcharge(method.method, params);
  }
  if (
    verdict.kind === "forward" &&
    verdict.bound === "snapshot" &&
    !deps.snapshots.hasRoom(grant.route.route.chainId)
  ) {
    return refusals.busySnapshots;
  }
  return takeRate(grant, weight, nowMs) ?? { call, method, weight };
};

export const isJudged = (found: Judged | Refusal): found is Judged => "call" in found;

/** The gateway's own answer, or `null` for a method that the node answers. */
export const syntheticAnswer = ({ call, method }: Judged): string | null =>
  method.verdict.kind === "synthetic"
    ? `{"jsonrpc":"2.0","id":${call.id ?? "null"},"result":${syntheticAnswers[method.verdict.answer]}}`
    : null;

/** -1 for what is no id. Only text and numbers are turned into one: an object may refuse to be, and throw. */
const snapshotId = (raw: string): number => {
  const value: unknown = raw === "" ? null : JSON.parse(raw);
  const first: unknown = Array.isArray(value) ? value[0] : value;
  const id = typeof first === "string" || typeof first === "number" ? Number(first) : -1;
  return Number.isSafeInteger(id) ? id : -1;
};

/** What an answer tells of the chain's live snapshots. */
export const noteSnapshot = (deps: JsonRpcDeps, grant: Grant, { call, method }: Judged, result: string): void => {
  const { verdict } = method;
  if (verdict.kind !== "forward") return;
  const { chainId } = grant.route.route;
  if (verdict.bound === "snapshot") deps.snapshots.taken(chainId, snapshotId(result));
  if (verdict.bound === "revert" && result === "true") deps.snapshots.reverted(chainId, snapshotId(call.params));
};
