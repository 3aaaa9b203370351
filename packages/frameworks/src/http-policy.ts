import type { MethodVerdict, RpcPolicy } from "@portolan/domain";

/** What a segment of a path, or a value of the query, may be. The whole of it is matched. */
export type HttpValue =
  | { kind: "text"; pattern: RegExp }
  /**
   * Names of one thing, of which a node hears only `canonical`. `fact`: the route's fact that is one of the names.
   */
  | { kind: "alias"; names: readonly string[]; fact?: string; canonical: string };

export interface HttpQueryRule {
  value: HttpValue;
  /** How often it may stand in one query; once unless told. */
  maxTimes?: number;
}

/** What a stream costs besides the weight of its opening, in dCU. */
export interface HttpStreamRule {
  /** Each message: a line, or as much of one as `messageBytes`. */
  messageWeight: number;
  messageBytes: number;
  /** Each minute that has begun. */
  minuteWeight: number;
}

/** One verb at one path that callers may use. */
export interface HttpRoute {
  /** In the policy, the request log, usage and keys' lists of methods: `block_header`, so that `block_*` names its kind. */
  name: string;
  verb: "GET" | "POST";
  /** `/blocks/{block}/header`; what stands in braces is a member of `HttpProtocol.values`. */
  path: string;
  /** dCU. */
  weight: number;
  isWrite?: boolean;
  /** Parameters of the query; all others are refused. */
  query?: { readonly [name: string]: HttpQueryRule };
  /** Extra weight (dCU) that depends on the query. */
  surcharge?(query: HttpQuery): number;
  /** Of a POST, which has a JSON body and always names it. */
  maxBodyBytes?: number;
  /** Looks into the body; answers why it is refused. */
  check?(body: unknown): { message: string; hint: string } | null;
  /** Of the node's answer, where it is less or more than the protocol's. */
  maxAnswerBytes?: number;
  /** The answer is lines that never end; its node's end or the caller's is the stream's. */
  stream?: HttpStreamRule;
  /** Asking a second node does no harm when the connection to the first broke. GET: true unless told. */
  isRepeatable?: boolean;
}

/** By name, in the order they came. */
export type HttpQuery = { readonly [name: string]: readonly string[] };

/** What callers are told instead of an answer. */
export interface HttpProblem {
  status: number;
  code: string;
  message: string;
  hint: string;
  requestId: string;
  retryAfterSeconds?: number;
}

/** A node that is called by verb and path, with bodies and answers in JSON. Nothing reaches it but what `routes` has. */
export interface HttpProtocol {
  routes: readonly HttpRoute[];
  values: { readonly [name: string]: HttpValue };
  /** Why something else is refused, for those who ask; looked at in order. Paths are matched without the query. */
  refused: readonly { verbs?: readonly string[]; path: RegExp; reason: string }[];
  /** Of an answer that is no stream, unless its route says another. */
  maxAnswerBytes: number;
  /** Of a node's answer: it says something of the node, not of the call. Such an answer is not shown, nor billed. */
  faultStatuses: readonly number[];
  /** At once. */
  maxStreams: { perKey: number; perChain: number };
  /** The gateway's own refusals as the ecosystem's clients read errors, as JSON. Absent: RFC 9457. */
  renderProblem?(problem: HttpProblem): string;
}

export interface HttpPolicySettings {
  /** Until a node's answer, or the head of a stream's, must be there. */
  timeoutMs: number;
}

/** The part of an HTTP protocol that the gateway's pipeline reads: verdicts by the routes' names. */
export const createHttpRpcPolicy = ({ routes }: HttpProtocol, { timeoutMs }: HttpPolicySettings): RpcPolicy => {
  const verdicts = new Map<string, MethodVerdict>(
    routes.map(({ name, weight, isWrite = false }) => [name, { kind: "forward", weight, isWrite, scope: "rpc" }]),
  );
  return {
    verdict: (method) => verdicts.get(method) ?? { kind: "deny", reason: "the path is not known" },
    // Bodies and queries are judged by their routes, which the gateway has found before it comes here.
    check: () => null,
    surcharge: () => 0,
    readsParams: () => false,
    maxBatch: 1,
    maxBodyBytes: Math.max(0, ...routes.map(({ maxBodyBytes = 0 }) => maxBodyBytes)),
    timeoutMs,
  };
};
