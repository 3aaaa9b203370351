import { createHmac } from "node:crypto";
import { type Clock, canonicalJson, DomainError, type IdSource, type Principal } from "@portolan/domain";
import {
  auditRepository,
  type IdempotencyKey,
  type IdempotencyState,
  idempotencyRepository,
  inTransaction,
  outsideTransaction,
  type StoreClients,
  type StoreTransaction,
  withTenant,
} from "@portolan/store";
import type { Answer, Caller } from "./handler.ts";

/** What one change did, for the answer, the audit log and the idempotency record. */
export interface Outcome<Body extends object | undefined> {
  body: Body;
  headers?: { readonly [name: string]: string };
  /** Null: nothing changed that anybody would ask about. */
  audit: {
    tenantId: string;
    actor: { type: string; id: string };
    action: string;
    target: { type: string; id: string };
    detail?: object;
  } | null;
  /** Members of the body that are never recorded, and so are missing from a replay. */
  secrets?: readonly string[];
}

export interface Changes {
  /** Runs `work` in one transaction of the principal's tenant, with audit row and idempotency record. */
  inTenant<Body extends object | undefined>(
    input: { principal: Principal; caller: Caller; body: unknown },
    work: (transaction: StoreTransaction) => Promise<Outcome<Body>>,
  ): Promise<Answer<Body>>;
  /** The same with the role system and a scope of its own: signup and sessions, before a tenant is known. */
  asSystem<Body extends object | undefined>(
    input: { scope: string; caller: Caller; body: unknown },
    work: (transaction: StoreTransaction) => Promise<Outcome<Body>>,
  ): Promise<Answer<Body>>;
  /** The recorded answer of an earlier request of this scope, before anything costly is done. */
  replayed(input: { scope: string; caller: Caller; body: unknown }): Promise<Answer<object> | null>;
}

const keptHours = 24;
const keyPattern = /^[\x21-\x7e]{1,255}$/;

const omitMembers = (body: object | undefined, secrets: readonly string[]): unknown =>
  body === undefined ? null : Object.fromEntries(Object.entries(body).filter(([name]) => !secrets.includes(name)));

const toAnswer = (state: IdempotencyState): Answer<object> | null => {
  if (state.state === "fresh") return null;
  if (state.state === "recorded") {
    const { body, headers } = state.answer;
    return { body: body as object, headers: { ...headers, "idempotency-replayed": "true" } };
  }
  if (state.state === "inFlight") {
    throw new DomainError({
      code: "idempotency.in_flight",
      message: "A request with this Idempotency-Key is being worked on.",
      hint: "Wait a moment and send it again: its answer will be replayed.",
      retryable: true,
    });
  }
  throw new DomainError({
    code: "idempotency.mismatch",
    message: "This Idempotency-Key was used for another request.",
    hint: "Use a new key for a new request.",
  });
};

export const createChanges = (deps: {
  clients: Pick<StoreClients, "app" | "system">;
  clock: Clock;
  ids: IdSource;
  requestHashKey: Uint8Array;
}): Changes => {
  const { clients, clock, ids, requestHashKey } = deps;

  const keyOf = (scope: string, caller: Caller, body: unknown): IdempotencyKey | null => {
    const { idempotencyKey: key, method, path } = caller;
    if (key === undefined) return null;
    if (!keyPattern.test(key)) {
      throw new DomainError({
        code: "request.invalid",
        message: "The Idempotency-Key must be 1 to 255 visible ASCII characters.",
      });
    }
    const hash = createHmac("sha256", requestHashKey).update(canonicalJson([method, path, body ?? null]));
    return { scope, key, requestHash: hash.digest("base64url") };
  };

  const record = async (
    transaction: StoreTransaction,
    key: IdempotencyKey,
    status: number,
    outcome: Outcome<object | undefined>,
  ): Promise<void> => {
    const now = clock.now();
    const { body, headers = {}, secrets = [] } = outcome;
    const answer = { status, body: omitMembers(body, secrets), headers };
    await idempotencyRepository.record(transaction, key, answer, {
      now,
      expiresAt: new Date(now.getTime() + keptHours * 3_600_000),
    });
  };

  const audit = async (
    transaction: StoreTransaction,
    caller: Caller,
    event: Outcome<undefined>["audit"],
  ): Promise<void> => {
    if (event === null) return;
    const { tenantId, actor, action, target, detail = {} } = event;
    await auditRepository.append(transaction, {
      id: ids.next("auditEvent"),
      tenantId,
      actorType: actor.type,
      actorId: actor.id,
      action,
      targetType: target.type,
      targetId: target.id,
      detail,
      requestId: caller.requestId,
      createdAt: clock.now(),
    });
  };

  const run =
    <Body extends object | undefined>(
      key: IdempotencyKey | null,
      caller: Caller,
      work: (transaction: StoreTransaction) => Promise<Outcome<Body>>,
    ) =>
    async (transaction: StoreTransaction): Promise<Answer<Body>> => {
      if (key !== null) {
        const replay = toAnswer(await idempotencyRepository.begin(transaction, key, clock.now()));
        // What was recorded under this hash is an answer of the same operation.
        if (replay !== null) return replay as Answer<Body>;
      }
      const outcome = await work(transaction);
      if (key !== null) await record(transaction, key, caller.successStatus, outcome);
      await audit(transaction, caller, outcome.audit);
      return { body: outcome.body, ...(outcome.headers === undefined ? {} : { headers: outcome.headers }) };
    };

  return {
    inTenant: ({ principal, caller, body }, work) =>
      withTenant(
        clients.app,
        principal.tenantId,
        run(keyOf(`${principal.tenantId}/${principal.id}`, caller, body), caller, work),
      ),
    asSystem: ({ scope, caller, body }, work) =>
      inTransaction(clients.system, run(keyOf(scope, caller, body), caller, work)),
    replayed: async ({ scope, caller, body }) => {
      const key = keyOf(scope, caller, body);
      if (key === null) return null;
      return toAnswer(await idempotencyRepository.find(outsideTransaction(clients.system), key, clock.now()));
    },
  };
};

/** A user or service account as the audit log names it. */
export const actorOf = (principal: Principal): { type: string; id: string } => ({
  type: principal.kind,
  id: principal.id,
});
