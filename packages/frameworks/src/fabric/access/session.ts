import { gateway } from "@hyperledger/fabric-protos";
import type { RestCallOptions, RestContext, RestIdentity } from "../../rest-protocol.ts";
import { type FabricIdentity, serializedIdentity, toSignedProposal } from "../config/envelope.ts";
import { toLowS } from "../crypto/index.ts";
import { demandNotExpired } from "./expiry.ts";
import { invalidInput } from "./input.ts";

/** An identity that the plane signs for, and how to ask peers in its name. */
export interface AccessSession {
  context: RestContext;
  identity: FabricIdentity;
  sign(data: Uint8Array): Promise<Uint8Array>;
  /** Peers of its own organisation are asked first: they know its private data, and it. */
  label: string | undefined;
}

const textOf = ({ facts }: RestIdentity, name: string): string => {
  const value = facts[name];
  if (typeof value !== "string") throw new Error(`an identity's material has no ${name}`);
  return value;
};

export const openSession = async (context: RestContext, name: string): Promise<AccessSession> => {
  const found = await context.identity(name);
  const { organisation } = found.facts;
  const pem = textOf(found, "pem");
  demandNotExpired(pem, context.now());
  return {
    context,
    identity: { mspId: textOf(found, "mspId"), pem },
    sign: async (data) => toLowS(await found.sign(data)),
    label: typeof organisation === "string" ? organisation : undefined,
  };
};

export interface Call {
  channel: string;
  chaincode: string;
  function: string;
  args: readonly (string | Uint8Array)[];
  transient?: { readonly [name: string]: string };
}

const utf8 = new TextEncoder();

/** A signed proposal. `nonce` decides the transaction's id. */
export const toProposal = (
  signing: Pick<AccessSession, "identity" | "sign"> & { context: Pick<RestContext, "now" | "random"> },
  call: Call,
  nonce?: Uint8Array,
) => {
  const transient = Object.entries(call.transient ?? {}).map(([key, value]) => [key, utf8.encode(value)] as const);
  return toSignedProposal({
    channelId: call.channel,
    chaincode: call.chaincode,
    args: [call.function, ...call.args],
    ...(transient.length === 0 ? {} : { transient: Object.fromEntries(transient) }),
    identity: signing.identity,
    sign: signing.sign,
    nonce: nonce ?? signing.context.random(24),
    at: signing.context.now(),
  });
};

export const callOptions = (session: Pick<AccessSession, "label">, timeoutMs: number): RestCallOptions => ({
  timeoutMs,
  isRepeatable: true,
  ...(session.label === undefined ? {} : { label: session.label }),
});

/** Has a peer run a call and answers what the chaincode said; nothing is ordered. Throws `GrpcFailure`. */
export const evaluate = async (session: AccessSession, call: Call, timeoutMs: number): Promise<Uint8Array> => {
  const { proposal, transactionId } = await toProposal(session, call);
  const request = new gateway.EvaluateRequest();
  request.setTransactionId(transactionId);
  request.setChannelId(call.channel);
  request.setProposedTransaction(proposal);
  const answer = await session.context.unary(
    "gateway.Gateway/Evaluate",
    request.serializeBinary(),
    callOptions(session, timeoutMs),
  );
  return gateway.EvaluateResponse.deserializeBinary(answer).getResult()?.getPayload_asU8() ?? new Uint8Array();
};

/** `gateway.CommitStatusRequest`, to be signed. */
export const toStatusRequest = (identity: FabricIdentity, channel: string, transactionId: string): Uint8Array => {
  const request = new gateway.CommitStatusRequest();
  request.setChannelId(channel);
  request.setTransactionId(transactionId);
  request.setIdentity(serializedIdentity(identity.mspId, identity.pem));
  return request.serializeBinary();
};

/** Throws `request.invalid` on what is no DER signature of P-256. */
export const lowS = (signature: Uint8Array): Uint8Array => {
  try {
    return toLowS(signature);
  } catch {
    throw invalidInput("signature: must be ECDSA over P-256, DER, base64.");
  }
};

const decoder = new TextDecoder("utf-8", { fatal: true });

/** What a chaincode said: text where it is text. */
export const toResult = (bytes: Uint8Array): { result: string; encoding: "utf8" | "base64" } => {
  try {
    return { result: decoder.decode(bytes), encoding: "utf8" };
  } catch {
    return { result: Buffer.from(bytes).toString("base64"), encoding: "base64" };
  }
};
