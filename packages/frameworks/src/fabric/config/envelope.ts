import { createHash } from "node:crypto";
import { common, msp, peer } from "@hyperledger/fabric-protos";
import timestamp from "google-protobuf/google/protobuf/timestamp_pb.js";
import { toLowS } from "../crypto/low-s.ts";

/** Who signs: the certificate that goes along. */
export interface FabricIdentity {
  mspId: string;
  pem: string;
}

/** Signs with the identity's key: DER ECDSA over SHA-256 of `data`. High S is brought low here, Fabric refuses it. */
export type SignBytes = (data: Uint8Array) => Promise<Uint8Array>;

/** Whoever signs, the 24 random bytes that make the message unique, and the time that goes into its header. */
export interface Signing {
  identity: FabricIdentity;
  sign: SignBytes;
  nonce: Uint8Array;
  at: Date;
}

const headerTypes = {
  message: common.HeaderType.MESSAGE,
  config: common.HeaderType.CONFIG,
  configUpdate: common.HeaderType.CONFIG_UPDATE,
  transaction: common.HeaderType.ENDORSER_TRANSACTION,
  deliver: common.HeaderType.DELIVER_SEEK_INFO,
} as const;

export type EnvelopeType = keyof typeof headerTypes;

const utf8 = new TextEncoder();

/** `msp.SerializedIdentity`, as creators are named in headers. */
export const serializedIdentity = (mspId: string, pem: string): Uint8Array => {
  const identity = new msp.SerializedIdentity();
  identity.setMspid(mspId);
  identity.setIdBytes(utf8.encode(pem));
  return identity.serializeBinary();
};

/** Hex of SHA-256 over nonce and creator (protoutil.ComputeTxID). */
export const toTransactionId = (nonce: Uint8Array, creator: Uint8Array): string =>
  createHash("sha256").update(nonce).update(creator).digest("hex");

/** `common.SignatureHeader`. */
export const toSignatureHeader = (creator: Uint8Array, nonce: Uint8Array): Uint8Array => {
  const header = new common.SignatureHeader();
  header.setCreator(creator);
  header.setNonce(nonce);
  return header.serializeBinary();
};

export interface HeaderInput {
  type: EnvelopeType;
  channelId: string;
  creator: Uint8Array;
  nonce: Uint8Array;
  at: Date;
  /** 0 but for configurations that configtxgen makes. */
  version?: number;
  extension?: Uint8Array;
}

/** Channel and signature header of a message; `epoch` is always 0. */
export const toHeader = (input: HeaderInput): common.Header => {
  const at = new timestamp.Timestamp();
  at.setSeconds(Math.floor(input.at.getTime() / 1_000));
  at.setNanos((input.at.getTime() % 1_000) * 1_000_000);
  const channel = new common.ChannelHeader();
  channel.setType(headerTypes[input.type]);
  channel.setVersion(input.version ?? 0);
  channel.setTimestamp(at);
  channel.setChannelId(input.channelId);
  channel.setTxId(toTransactionId(input.nonce, input.creator));
  if (input.extension !== undefined) channel.setExtension$(input.extension);
  const header = new common.Header();
  header.setChannelHeader(channel.serializeBinary());
  header.setSignatureHeader(toSignatureHeader(input.creator, input.nonce));
  return header;
};

/** `common.Payload` of a header and a message. */
export const toPayload = (header: common.Header, data: Uint8Array): Uint8Array => {
  const payload = new common.Payload();
  payload.setHeader(header);
  payload.setData(data);
  return payload.serializeBinary();
};

/** `common.Envelope`; block 0 of a channel has no signature. */
export const toEnvelope = (payload: Uint8Array, signature?: Uint8Array): Uint8Array => {
  const envelope = new common.Envelope();
  envelope.setPayload(payload);
  if (signature !== undefined) envelope.setSignature(signature);
  return envelope.serializeBinary();
};

export interface EnvelopeInput extends Signing {
  type: EnvelopeType;
  channelId: string;
  data: Uint8Array;
}

/** A signed `common.Envelope`, as orderers and the deliver services take it. */
export const toSignedEnvelope = async (input: EnvelopeInput): Promise<Uint8Array> => {
  const creator = serializedIdentity(input.identity.mspId, input.identity.pem);
  const payload = toPayload(toHeader({ ...input, creator }), input.data);
  return toEnvelope(payload, toLowS(await input.sign(payload)));
};

export interface ProposalInput extends Signing {
  /** Empty for calls that concern no channel: install, join. */
  channelId: string;
  chaincode: string;
  args: readonly (Uint8Array | string)[];
  /** Handed to the chaincode, never stored on the ledger. */
  transient?: { readonly [key: string]: Uint8Array };
  isInit?: boolean;
}

const toInvocation = (input: ProposalInput, chaincode: peer.ChaincodeID): Uint8Array => {
  const call = new peer.ChaincodeInput();
  call.setArgsList(input.args.map((arg) => (typeof arg === "string" ? utf8.encode(arg) : arg)));
  call.setIsInit(input.isInit ?? false);
  const spec = new peer.ChaincodeSpec();
  spec.setType(peer.ChaincodeSpec.Type.GOLANG);
  spec.setChaincodeId(chaincode);
  spec.setInput(call);
  const invocation = new peer.ChaincodeInvocationSpec();
  invocation.setChaincodeSpec(spec);
  return invocation.serializeBinary();
};

/**
 * A signed proposal for `protos.Endorser/ProcessProposal`, and the id that its transaction will have. For system
 * chaincodes too (`cscc`, `_lifecycle`, `qscc`).
 */
export const toSignedProposal = async (
  input: ProposalInput,
): Promise<{ proposal: peer.SignedProposal; transactionId: string }> => {
  const creator = serializedIdentity(input.identity.mspId, input.identity.pem);
  const chaincode = new peer.ChaincodeID();
  chaincode.setName(input.chaincode);
  const extension = new peer.ChaincodeHeaderExtension();
  extension.setChaincodeId(chaincode);
  const { channelId, nonce, at } = input;
  const header = toHeader({
    type: "transaction",
    channelId,
    creator,
    nonce,
    at,
    extension: extension.serializeBinary(),
  });
  const payload = new peer.ChaincodeProposalPayload();
  payload.setInput(toInvocation(input, chaincode));
  for (const [key, value] of Object.entries(input.transient ?? {})) payload.getTransientmapMap().set(key, value);
  const proposal = new peer.Proposal();
  proposal.setHeader(header.serializeBinary());
  proposal.setPayload(payload.serializeBinary());
  const bytes = proposal.serializeBinary();
  const signed = new peer.SignedProposal();
  signed.setProposalBytes(bytes);
  signed.setSignature(toLowS(await input.sign(bytes)));
  return { proposal: signed, transactionId: toTransactionId(nonce, creator) };
};
