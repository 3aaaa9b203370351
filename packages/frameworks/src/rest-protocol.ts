import type { JsonObject, JsonValue } from "@portolan/domain";

/** One path below `/{chain}` at the gateway. */
export interface RestRoute {
  /** In the policy, the request log and usage: `transactions.submit`. */
  name: string;
  method: "GET" | "POST";
  /** `/channels/{channel}/blocks`; what stands in braces becomes a parameter. At least two segments. */
  path: string;
}

export interface RestRequest {
  route: string;
  params: { readonly [name: string]: string };
  query: { readonly [name: string]: string };
  /** Parsed JSON; `null` with GET. */
  body: unknown;
  /** `Idempotency-Key`. */
  idempotencyKey?: string;
  /** `Last-Event-ID`, of a reader of events that comes back. */
  lastEventId?: string;
}

export interface RestEvent {
  id: string;
  /** Not `error`, which is the gateway's own. */
  name: string;
  data: JsonValue;
}

export type RestAnswer =
  | { kind: "json"; status: number; body: JsonValue }
  | { kind: "events"; events: AsyncIterable<RestEvent> };

/** A part of the chain whose private key the plane holds, for one request. */
export interface RestIdentity {
  partId: string;
  /** Public facts of its certificate, as its material has them. */
  facts: JsonObject;
  /** Signs with the key: ECDSA over SHA-256, DER. */
  sign(data: Uint8Array): Promise<Uint8Array>;
}

export interface RestCallOptions {
  timeoutMs: number;
  /** Nodes that are asked first, as `GrpcRules.selects` understands it; others where there is none of them. */
  label?: string;
  /** Asking a second time does no harm: another node is asked when the connection to the first broke. */
  isRepeatable?: boolean;
}

/** What a handler may do: nothing but ask nodes of its chain. */
export interface RestContext {
  chainId: string;
  /** The route's facts. */
  facts: { readonly [name: string]: string };
  now(): Date;
  random(size: number): Uint8Array;
  /** Aborted when the caller is gone or the gateway stops. */
  signal: AbortSignal;
  /** One message to `package.Service/Method`. Throws `GrpcFailure`. */
  unary(method: string, message: Uint8Array, options: RestCallOptions): Promise<Uint8Array>;
  /** Messages until one side ends it. Throws `GrpcFailure`. */
  serverStream(method: string, message: Uint8Array, options: { label?: string }): AsyncIterable<Uint8Array>;
  /** Throws `DomainError` `identity.*`. */
  identity(name: string): Promise<RestIdentity>;
}

/** REST that the gateway offers for a framework, on top of the nodes' gRPC. */
export interface RestProtocol {
  routes: readonly RestRoute[];
  /** Of parts whose keys in custody are `<kind>/<part id>`, and may be lent to a gateway to sign with. */
  identityKind?: string;
  /** Throws `DomainError` for what it refuses, `GrpcFailure` for what it could not do. */
  handle(request: RestRequest, context: RestContext): Promise<RestAnswer>;
}

/** A status other than OK, or none. */
export class GrpcFailure extends Error {
  readonly status: number;
  /** `grpc-status-details-bin`, decoded. */
  readonly details: Uint8Array | null;
  /** The node did nothing with it: it was not reached. */
  readonly isUnreached: boolean;

  constructor(fields: { status: number; message: string; details?: Uint8Array | null; isUnreached?: boolean }) {
    super(fields.message);
    this.name = "GrpcFailure";
    this.status = fields.status;
    this.details = fields.details ?? null;
    this.isUnreached = fields.isUnreached ?? false;
  }
}
