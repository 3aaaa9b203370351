import { createHash } from "node:crypto";
import { common, gateway, msp, peer } from "@hyperledger/fabric-protos";
import { DomainError } from "@portolan/domain";
import type { RestAnswer, RestContext, RestRequest } from "../../rest-protocol.ts";
import { refuseCall } from "../application-calls.ts";
import type { FabricIdentity } from "../config/envelope.ts";
import { askToEndorse } from "./endorse.ts";
import { demandNotExpired } from "./expiry.ts";
import { toAccessError } from "./failure.ts";
import { endorseBody, invalidInput, parseBody, prepareBody, sendBody } from "./input.ts";
import { resultOfEnvelope } from "./ledger.ts";
import { lowS, toProposal, toStatusRequest } from "./session.ts";
import { submitPrepared } from "./submit.ts";

const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString("base64");
const digestOf = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("base64");

/** A signature to stand where the customer's will: r = s = 1. It never leaves this module. */
const placeholder = Uint8Array.from([0x30, 6, 2, 1, 1, 2, 1, 1]);

const place = ({ params }: RestRequest): { channel: string; chaincode: string } => ({
  channel: params["channel"] ?? "",
  chaincode: params["chaincode"] ?? "",
});

/** A proposal in the customer's name, and what it has to sign. */
export const prepare = async (request: RestRequest, context: RestContext): Promise<RestAnswer> => {
  const body = parseBody(prepareBody, request.body);
  const identity = { mspId: body.mspId, pem: body.certificate };
  demandNotExpired(identity.pem, context.now());
  const call = { ...place(request), function: body.function, args: body.args, transient: body.transient };
  const { proposal, transactionId } = await toProposal({ identity, sign: async () => placeholder, context }, call);
  const bytes = proposal.getProposalBytes_asU8();
  return { kind: "json", status: 200, body: { transactionId, proposal: base64(bytes), digest: digestOf(bytes) } };
};

interface Header {
  channel: string;
  chaincode: string;
  transactionId: string;
  identity: FabricIdentity;
}

const readHeader = (bytes: Uint8Array): Header => {
  const header = common.Header.deserializeBinary(bytes);
  const channel = common.ChannelHeader.deserializeBinary(header.getChannelHeader_asU8());
  const signature = common.SignatureHeader.deserializeBinary(header.getSignatureHeader_asU8());
  const creator = msp.SerializedIdentity.deserializeBinary(signature.getCreator_asU8());
  const extension = peer.ChaincodeHeaderExtension.deserializeBinary(channel.getExtension_asU8());
  return {
    channel: channel.getChannelId(),
    chaincode: extension.getChaincodeId()?.getName() ?? "",
    transactionId: channel.getTxId(),
    identity: { mspId: creator.getMspid(), pem: Buffer.from(creator.getIdBytes_asU8()).toString("utf8") },
  };
};

/** Reads what a customer sent back; it must be for the very path that it was sent to. */
const readOwn = (what: string, request: RestRequest, read: () => Header): Header => {
  let found: Header;
  try {
    found = read();
  } catch {
    throw invalidInput(`${what}: must be what was given out before, as it was.`);
  }
  const { channel, chaincode } = place(request);
  if (found.channel !== channel || found.chaincode !== chaincode)
    throw invalidInput(`${what}: is for another channel or chaincode.`);
  return found;
};

/** What the gRPC listener refuses of the same bytes. */
const checkCall = (what: string, method: string, message: Uint8Array): void => {
  const reason = refuseCall(method, message);
  if (reason !== null) throw invalidInput(`${what}: ${reason}.`);
};

/** Has peers endorse the customer's signed proposal. */
export const endorseOwn = async (request: RestRequest, context: RestContext): Promise<RestAnswer> => {
  const body = parseBody(endorseBody, request.body);
  const header = readOwn("proposal", request, () =>
    readHeader(peer.Proposal.deserializeBinary(body.proposal).getHeader_asU8()),
  );
  demandNotExpired(header.identity.pem, context.now());
  const signed = new peer.SignedProposal();
  signed.setProposalBytes(body.proposal);
  signed.setSignature(lowS(body.signature));
  const wanted = new gateway.EndorseRequest();
  wanted.setTransactionId(header.transactionId);
  wanted.setChannelId(header.channel);
  wanted.setProposedTransaction(signed);
  wanted.setEndorsingOrganizationsList(body.endorsers);
  const message = wanted.serializeBinary();
  checkCall("proposal", "gateway.Gateway/Endorse", message);
  const { transactionId } = header;
  const endsAt = context.now().getTime() + body.timeoutMs;
  const envelope = await askToEndorse(context, message, endsAt, { isRepeatable: true })
    .then((answer) => gateway.EndorseResponse.deserializeBinary(answer).getPreparedTransaction())
    .catch((error: unknown) => {
      throw toAccessError("The peers did not endorse it", error, { transactionId });
    });
  if (envelope === undefined)
    throw new DomainError({ code: "transaction.endorsement_refused", message: "The peers gave no transaction back." });
  const payload = envelope.getPayload_asU8();
  const status = toStatusRequest(header.identity, header.channel, transactionId);
  return {
    kind: "json",
    status: 200,
    body: {
      transactionId,
      transaction: base64(payload),
      digest: digestOf(payload),
      /** To be signed too by whoever wants to wait for the commit. */
      statusRequest: base64(status),
      statusDigest: digestOf(status),
      ...resultOfEnvelope(envelope),
    },
  };
};

/** Sends the customer's signed transaction. */
export const sendOwn = async (request: RestRequest, context: RestContext): Promise<RestAnswer> => {
  const body = parseBody(sendBody, request.body);
  const header = readOwn("transaction", request, () => {
    const bytes = common.Payload.deserializeBinary(body.transaction).getHeader()?.serializeBinary();
    return readHeader(bytes ?? new Uint8Array());
  });
  demandNotExpired(header.identity.pem, context.now());
  const envelope = new common.Envelope();
  envelope.setPayload(body.transaction);
  envelope.setSignature(lowS(body.signature));
  const wanted = new gateway.SubmitRequest();
  wanted.setPreparedTransaction(envelope);
  checkCall("transaction", "gateway.Gateway/Submit", wanted.serializeBinary());
  if (body.wait === "commit" && body.statusSignature === undefined)
    throw invalidInput("statusSignature: is missing.", 'Sign statusDigest too, or send "wait": "none".');
  let status: Uint8Array | null = null;
  if (body.wait === "commit" && body.statusSignature !== undefined) {
    const signed = new gateway.SignedCommitStatusRequest();
    signed.setRequest(toStatusRequest(header.identity, header.channel, header.transactionId));
    signed.setSignature(lowS(body.statusSignature));
    status = signed.serializeBinary();
  }
  const { channel, transactionId } = header;
  const answer = await submitPrepared(context, { channel, transactionId, envelope, status }, body.timeoutMs, {
    isRepeatable: true,
  });
  return { kind: "json", status: status === null ? 202 : 200, body: answer };
};
