import { common, peer } from "@hyperledger/fabric-protos";
import type { JsonObject, JsonValue } from "@portolan/domain";
import { nameOfValidation } from "./failure.ts";
import { toResult } from "./session.ts";

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");

/** Fields of a chaincode's transaction, or only its header's where it is something else. */
export const presentEnvelope = (envelope: common.Envelope): JsonObject => {
  const payload = common.Payload.deserializeBinary(envelope.getPayload_asU8());
  const header = payload.getHeader();
  const channel = common.ChannelHeader.deserializeBinary(header?.getChannelHeader_asU8() ?? new Uint8Array());
  const at = channel.getTimestamp();
  const shown: JsonObject = {
    transactionId: channel.getTxId(),
    type: channel.getType() === common.HeaderType.ENDORSER_TRANSACTION ? "transaction" : "configuration",
    channel: channel.getChannelId(),
    ...(at === undefined ? {} : { createdAt: at.toDate().toISOString() }),
  };
  if (channel.getType() !== common.HeaderType.ENDORSER_TRANSACTION) return shown;
  return { ...shown, ...presentTransaction(payload.getData_asU8()) };
};

const actionOf = (transaction: Uint8Array) => {
  const [action] = peer.Transaction.deserializeBinary(transaction).getActionsList();
  return action === undefined ? undefined : peer.ChaincodeActionPayload.deserializeBinary(action.getPayload_asU8());
};

const presentTransaction = (bytes: Uint8Array): JsonObject => {
  const payload = actionOf(bytes);
  if (payload === undefined) return {};
  const proposal = peer.ChaincodeProposalPayload.deserializeBinary(payload.getChaincodeProposalPayload_asU8());
  const spec = peer.ChaincodeInvocationSpec.deserializeBinary(proposal.getInput_asU8()).getChaincodeSpec();
  const args = spec?.getInput()?.getArgsList_asU8() ?? [];
  const [name, ...rest] = args.map((arg) => toResult(arg).result);
  return {
    chaincode: spec?.getChaincodeId()?.getName() ?? "",
    function: name ?? "",
    args: rest,
    ...resultOf(payload),
  };
};

const resultOf = (payload: peer.ChaincodeActionPayload): { result: string; encoding: "utf8" | "base64" } => {
  const response = peer.ProposalResponsePayload.deserializeBinary(
    payload.getAction()?.getProposalResponsePayload_asU8() ?? new Uint8Array(),
  );
  const action = peer.ChaincodeAction.deserializeBinary(response.getExtension_asU8());
  return toResult(action.getResponse()?.getPayload_asU8() ?? new Uint8Array());
};

/** What the chaincode answered when the transaction was endorsed. */
export const resultOfEnvelope = (envelope: common.Envelope): { result: string; encoding: "utf8" | "base64" } => {
  const payload = common.Payload.deserializeBinary(envelope.getPayload_asU8());
  const action = actionOf(payload.getData_asU8());
  return action === undefined ? { result: "", encoding: "utf8" } : resultOf(action);
};

/** `common.Block` as JSON. */
export const presentBlock = (bytes: Uint8Array): JsonObject => {
  const block = common.Block.deserializeBinary(bytes);
  const header = block.getHeader();
  const codes = block.getMetadata()?.getMetadataList_asU8()[common.BlockMetadataIndex.TRANSACTIONS_FILTER];
  const transactions = (block.getData()?.getDataList_asU8() ?? []).map((data, index): JsonValue => {
    const code = codes?.[index];
    return {
      ...presentEnvelope(common.Envelope.deserializeBinary(data)),
      ...(code === undefined ? {} : { status: nameOfValidation(code) }),
    };
  });
  return {
    number: header?.getNumber() ?? 0,
    previousHash: hex(header?.getPreviousHash_asU8() ?? new Uint8Array()),
    dataHash: hex(header?.getDataHash_asU8() ?? new Uint8Array()),
    transactions,
  };
};

/** `common.BlockchainInfo`. */
export const presentHeight = (bytes: Uint8Array): JsonObject => {
  const info = common.BlockchainInfo.deserializeBinary(bytes);
  return {
    height: info.getHeight(),
    currentHash: hex(info.getCurrentblockhash_asU8()),
    previousHash: hex(info.getPreviousblockhash_asU8()),
  };
};

/** `protos.ProcessedTransaction`. */
export const readProcessed = (bytes: Uint8Array): { code: number; envelope: common.Envelope | undefined } => {
  const found = peer.ProcessedTransaction.deserializeBinary(bytes);
  return { code: found.getValidationcode(), envelope: found.getTransactionenvelope() };
};
