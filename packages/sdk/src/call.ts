import type { AnswerOf, Api, BodyInputOf, OperationId, ParamsInputOf, QueryInputOf } from "@portolan/contract";

/** Operations that answer once; streams are read by their own functions. */
export type CallableId = {
  [K in OperationId]: Api[K] extends { readonly isStream: true } ? never : K;
}[OperationId];

/** A member that is absent where the route has none, optional where all of its own members are. */
type Part<Name extends string, T> = [T] extends [undefined]
  ? unknown
  : Record<never, never> extends T
    ? { [N in Name]?: T }
    : { [N in Name]: T };

export interface CallOptions {
  /** POST only: the same key and body give the same answer, so that the call may be repeated. */
  idempotencyKey?: string;
  /** The ETag that an update or close is for. */
  ifMatch?: string;
  signal?: AbortSignal;
  /** For each attempt; 30 s unless told. */
  timeoutMs?: number;
}

export type CallInput<K extends OperationId> = Part<"params", ParamsInputOf<K>> &
  Part<"query", QueryInputOf<K>> &
  Part<"body", BodyInputOf<K>> &
  CallOptions;

/** The arguments of a call: none needed where nothing is required. */
export type CallArguments<K extends OperationId> =
  Record<never, never> extends CallInput<K> ? [input?: CallInput<K>] : [input: CallInput<K>];

/** The answer with what came in its headers. */
export interface Answer<K extends OperationId> {
  status: number;
  body: AnswerOf<K>;
  etag: string | undefined;
  requestId: string | undefined;
  /** True when the answer is that of an earlier call with the same Idempotency-Key. */
  isReplay: boolean;
}

type GroupName = CallableId extends infer K ? (K extends `${infer Group}.${string}` ? Group : never) : never;
type VerbOf<Group extends string> = CallableId extends infer K
  ? K extends `${Group}.${infer Verb}`
    ? Verb
    : never
  : never;

/** `apps.create` → `client.apps.create(…)`. */
export type Grouped = {
  readonly [Group in GroupName]: {
    readonly [Verb in VerbOf<Group>]: `${Group}.${Verb}` extends infer K extends CallableId
      ? (...args: CallArguments<K>) => Promise<AnswerOf<K>>
      : never;
  };
};
