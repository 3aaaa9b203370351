import { createHash } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { type common, gateway } from "@hyperledger/fabric-protos";
import { DomainError } from "@portolan/domain";
import type { RestAnswer, RestContext, RestProtocol, RestRequest, RestRoute } from "../../rest-protocol.ts";
import { GrpcFailure } from "../../rest-protocol.ts";
import { isSystemChaincode } from "../application-calls.ts";
import { askToEndorse } from "./endorse.ts";
import { openEvents } from "./events.ts";
import { nameOfValidation, toAccessError, toInvalidError } from "./failure.ts";
import { evaluateBody, identityOf, invalidInput, numberOf, parseBody, submitBody } from "./input.ts";
import { presentBlock, presentEnvelope, presentHeight, readProcessed, resultOfEnvelope } from "./ledger.ts";
import { endorseOwn, prepare, sendOwn } from "./own-key.ts";
import {
  type AccessSession,
  type Call,
  callOptions,
  evaluate,
  openSession,
  toProposal,
  toResult,
  toStatusRequest,
} from "./session.ts";
import { submitPrepared } from "./submit.ts";

const onChaincode = "/channels/{channel}/chaincodes/{chaincode}";
const onTransaction = "/channels/{channel}/transactions/{transaction}";

const routes: readonly RestRoute[] = [
  { name: "transactions.evaluate", method: "POST", path: `${onChaincode}/evaluate` },
  { name: "transactions.submit", method: "POST", path: `${onChaincode}/submit` },
  { name: "transactions.prepare", method: "POST", path: `${onChaincode}/prepare` },
  { name: "transactions.endorse", method: "POST", path: `${onChaincode}/endorse` },
  { name: "transactions.send", method: "POST", path: `${onChaincode}/send` },
  { name: "events.stream", method: "GET", path: `${onChaincode}/events` },
  { name: "transactions.status", method: "GET", path: onTransaction },
  { name: "transactions.content", method: "GET", path: `${onTransaction}/content` },
  { name: "blocks.height", method: "GET", path: "/channels/{channel}/blocks" },
  { name: "blocks.read", method: "GET", path: "/channels/{channel}/blocks/{block}" },
];

const readMs = 15_000;

const json = (body: Extract<RestAnswer, { kind: "json" }>["body"], status = 200): RestAnswer => ({
  kind: "json",
  status,
  body,
});

const param = ({ params }: RestRequest, name: string): string => params[name] ?? "";

const callOf = (
  request: RestRequest,
  body: { function: string; args: string[]; transient: Record<string, string> },
): Call => ({
  channel: param(request, "channel"),
  chaincode: param(request, "chaincode"),
  function: body.function,
  args: body.args,
  transient: body.transient,
});

/** Asks the ledger's own chaincode, which every member of the channel may. */
const askLedger = (session: AccessSession, channel: string, name: string, ...args: string[]): Promise<Uint8Array> =>
  evaluate(session, { channel, chaincode: "qscc", function: name, args: [channel, ...args] }, readMs);

/** The transaction in the ledger; `null`: it is in no block. */
const findTransaction = async (session: AccessSession, channel: string, id: string) => {
  try {
    return readProcessed(await askLedger(session, channel, "GetTransactionByID", id));
  } catch (error) {
    if (error instanceof GrpcFailure && /no such transaction/i.test(error.message)) return null;
    throw toAccessError("The ledger could not be asked", error);
  }
};

const handleEvaluate = async (request: RestRequest, context: RestContext): Promise<RestAnswer> => {
  const body = parseBody(evaluateBody, request.body);
  const session = await openSession(context, body.identity);
  try {
    return json(toResult(await evaluate(session, callOf(request, body), body.timeoutMs)));
  } catch (error) {
    throw toAccessError("The peers did not evaluate it", error);
  }
};

/** The same key in the same identity's name gives the same transaction, however often it is sent. */
const nonceOf = (request: RestRequest, context: RestContext, identity: string): Uint8Array => {
  const { idempotencyKey } = request;
  if (idempotencyKey === undefined) return context.random(24);
  const scope = [context.chainId, param(request, "channel"), param(request, "chaincode"), identity, idempotencyKey];
  return new Uint8Array(createHash("sha256").update(JSON.stringify(scope)).digest().subarray(0, 24));
};

const fromLedger = (
  found: { code: number; envelope: common.Envelope | undefined },
  transactionId: string,
): RestAnswer => {
  if (found.code !== 0) throw toInvalidError(found.code, transactionId);
  const result = found.envelope === undefined ? {} : resultOfEnvelope(found.envelope);
  return json({ transactionId, status: "VALID", ...result });
};

/** The same transaction was sent before: it stands in a block, or is on its way at this moment. */
const isSentBefore = (error: unknown): boolean =>
  error instanceof DomainError && /duplicate transaction found|txid: \S+ exists/i.test(error.message);

const duplicatePauseMs = 150;

/** The endorsed transaction; or the one of the same id in the ledger, if it was sent before. */
const endorse = async (
  session: AccessSession,
  { channel, transactionId, message }: { channel: string; transactionId: string; message: Uint8Array },
  endsAt: number,
): Promise<{ envelope: common.Envelope } | NonNullable<Awaited<ReturnType<typeof findTransaction>>>> => {
  const { context } = session;
  for (;;) {
    const { timeoutMs: _all, ...options } = callOptions(session, 0);
    try {
      const answer = await askToEndorse(context, message, endsAt, options);
      const envelope = gateway.EndorseResponse.deserializeBinary(answer).getPreparedTransaction();
      if (envelope !== undefined) return { envelope };
      throw new DomainError({
        code: "transaction.endorsement_refused",
        message: "The peers gave no transaction back.",
      });
    } catch (error) {
      const refused = toAccessError("The peers did not endorse it", error, { transactionId });
      if (!isSentBefore(refused)) throw refused;
      const found = await findTransaction(session, channel, transactionId);
      if (found !== null) return found;
      if (context.now().getTime() + duplicatePauseMs >= endsAt) throw refused;
      await sleep(duplicatePauseMs, undefined, { signal: context.signal });
    }
  }
};

const handleSubmit = async (request: RestRequest, context: RestContext): Promise<RestAnswer> => {
  const body = parseBody(submitBody, request.body);
  const session = await openSession(context, body.identity);
  const endsAt = context.now().getTime() + body.timeoutMs;
  const call = callOf(request, body);
  const { channel } = call;
  const { proposal, transactionId } = await toProposal(session, call, nonceOf(request, context, body.identity));
  const wanted = new gateway.EndorseRequest();
  wanted.setTransactionId(transactionId);
  wanted.setChannelId(channel);
  wanted.setProposedTransaction(proposal);
  wanted.setEndorsingOrganizationsList(body.endorsers);
  const endorsed = await endorse(session, { channel, transactionId, message: wanted.serializeBinary() }, endsAt);
  if ("code" in endorsed) return fromLedger(endorsed, transactionId);
  const { envelope } = endorsed;
  envelope.setSignature(await session.sign(envelope.getPayload_asU8()));
  let status: Uint8Array | null = null;
  if (body.wait === "commit") {
    const asked = toStatusRequest(session.identity, channel, transactionId);
    const signed = new gateway.SignedCommitStatusRequest();
    signed.setRequest(asked);
    signed.setSignature(await session.sign(asked));
    status = signed.serializeBinary();
  }
  const leftMs = Math.max(1, endsAt - context.now().getTime());
  const { timeoutMs: _all, ...options } = callOptions(session, leftMs);
  const sent = await submitPrepared(context, { channel, transactionId, envelope, status }, leftMs, options);
  return json({ ...sent, ...resultOfEnvelope(envelope) }, status === null ? 202 : 200);
};

const transactionOf = (request: RestRequest): string => {
  const id = param(request, "transaction");
  if (!/^[0-9a-f]{64}$/.test(id)) throw invalidInput("A transaction's id is 64 hexadecimal digits.");
  return id;
};

const handleTransaction = async (request: RestRequest, context: RestContext): Promise<RestAnswer> => {
  const session = await openSession(context, identityOf(request.query));
  const id = transactionOf(request);
  const found = await findTransaction(session, param(request, "channel"), id);
  if (found === null)
    throw new DomainError({
      code: "transaction.not_found",
      message: "The transaction is in no block of the channel.",
      hint: "It may still be on its way: look again, or submit it again with the same Idempotency-Key.",
      retryable: true,
    });
  const status = nameOfValidation(found.code);
  if (request.route === "transactions.status") return json({ transactionId: id, status });
  return json({ ...(found.envelope === undefined ? {} : presentEnvelope(found.envelope)), transactionId: id, status });
};

const handleBlocks = async (request: RestRequest, context: RestContext): Promise<RestAnswer> => {
  const session = await openSession(context, identityOf(request.query));
  const channel = param(request, "channel");
  try {
    if (request.route === "blocks.height")
      return json(presentHeight(await askLedger(session, channel, "GetChainInfo")));
    const number = numberOf("block", param(request, "block"));
    return json(presentBlock(await askLedger(session, channel, "GetBlockByNumber", String(number))));
  } catch (error) {
    if (error instanceof GrpcFailure && /no such block|entry not found/i.test(error.message))
      throw new DomainError({ code: "resource.not_found", message: "There is no such block yet." });
    throw toAccessError("The ledger could not be asked", error);
  }
};

const handleEvents = async (request: RestRequest, context: RestContext): Promise<RestAnswer> => {
  const session = await openSession(context, identityOf(request.query));
  const events = await openEvents(session, {
    channel: param(request, "channel"),
    chaincode: param(request, "chaincode"),
    from: request.query["from"],
    lastEventId: request.lastEventId,
  });
  return { kind: "events", events };
};

const handlers: { readonly [route: string]: (request: RestRequest, context: RestContext) => Promise<RestAnswer> } = {
  "transactions.evaluate": handleEvaluate,
  "transactions.submit": handleSubmit,
  "transactions.prepare": prepare,
  "transactions.endorse": endorseOwn,
  "transactions.send": sendOwn,
  "transactions.status": handleTransaction,
  "transactions.content": handleTransaction,
  "blocks.height": handleBlocks,
  "blocks.read": handleBlocks,
  "events.stream": handleEvents,
};

/** Chaincodes of the peers themselves are the plane's to call; an application's name begins with a letter. */
const checkNames = ({ params }: RestRequest): void => {
  const { channel, chaincode } = params;
  if (channel !== undefined && !/^[a-z][a-z0-9.-]{0,248}$/.test(channel))
    throw invalidInput("The channel's name is none.");
  if (chaincode === undefined) return;
  if (!/^[A-Za-z][A-Za-z0-9_-]{0,63}$/.test(chaincode) || isSystemChaincode(chaincode))
    throw new DomainError({ code: "chaincode.unknown", message: "There is no such chaincode for applications." });
};

/** Transactions, events, blocks over REST, on top of the peers' gateway. */
export const fabricRest: RestProtocol = {
  routes,
  identityKind: "identity",
  handle: async (request, context) => {
    checkNames(request);
    const handler = handlers[request.route];
    if (handler === undefined) throw new DomainError({ code: "request.not_found", message: "There is no such path." });
    return handler(request, context);
  },
};
