import type { AnswerOf, Api, BodyOf, OperationId, ParamsOf, PartOperationId, QueryOf } from "@portolan/contract";
import type { Principal } from "@portolan/domain";

/** Who asks and how: what every use case may need of a request besides its own input. */
export interface Caller {
  requestId: string;
  /** The client's address, as the socket or a trusted proxy says it. */
  address: string;
  method: string;
  successStatus: number;
  /** Path without query. */
  path: string;
  idempotencyKey: string | undefined;
  ifMatch: string | undefined;
  lastEventId: string | undefined;
  /** Aborted when the client goes away or the process stops. */
  signal: AbortSignal;
}

type PrincipalOf<K extends OperationId> = Api[K]["permission"] extends "public" ? null : Principal;

export interface HandlerRequest<K extends OperationId> {
  params: ParamsOf<K>;
  query: QueryOf<K>;
  body: BodyOf<K>;
  principal: PrincipalOf<K>;
  caller: Caller;
}

export interface Answer<Body> {
  body: Body;
  headers?: { readonly [name: string]: string };
}

/** One event of a stream; `id` comes back as `Last-Event-ID`. */
export interface StreamEvent<Data> {
  id: string;
  event: string;
  data: Data;
}

type IsStream<K extends OperationId> = Api[K] extends { readonly isStream: true } ? true : false;

export type Handler<K extends OperationId> = (
  request: HandlerRequest<K>,
) => IsStream<K> extends true ? AsyncIterable<StreamEvent<AnswerOf<K>>> : Promise<Answer<AnswerOf<K>>>;

/** One handler for each operation of the contract (those of parts are generated): a missing one does not compile. */
export type Handlers = { readonly [K in Exclude<OperationId, PartOperationId>]: Handler<K> };
