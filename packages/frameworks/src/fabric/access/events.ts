import { gateway, orderer } from "@hyperledger/fabric-protos";
import type { RestEvent } from "../../rest-protocol.ts";
import { serializedIdentity } from "../config/envelope.ts";
import { toAccessError } from "./failure.ts";
import { invalidInput, numberOf } from "./input.ts";
import { type AccessSession, toResult } from "./session.ts";

export interface EventsRequest {
  channel: string;
  chaincode: string;
  /** Number of a block, or `next`. */
  from: string | undefined;
  /** `<block>:<transaction>`, of the last one that was read. */
  lastEventId: string | undefined;
}

const toPosition = ({ from, lastEventId }: EventsRequest): { position: orderer.SeekPosition; after: string } => {
  const position = new orderer.SeekPosition();
  const specify = (block: number): void => {
    const specified = new orderer.SeekSpecified();
    specified.setNumber(block);
    position.setSpecified(specified);
  };
  if (lastEventId !== undefined) {
    const found = /^([0-9]{1,15}):([0-9a-f]{64})$/.exec(lastEventId);
    if (found === null) throw invalidInput("Last-Event-ID: must be one that was sent.");
    specify(Number(found[1]));
    return { position, after: found[2] ?? "" };
  }
  if (from === undefined || from === "next") position.setNextCommit(new orderer.SeekNextCommit());
  else specify(numberOf("from", from));
  return { position, after: "" };
};

/** `error` is how a stream says why it ends, so a chaincode's event of that name comes as one without; `data` has it. */
const nameOfEvent = (name: string): string => (name === "error" ? "message" : name);

/** A chaincode's events, oldest first; a reader that comes back with the last id misses none and gets none twice. */
export const openEvents = async (session: AccessSession, request: EventsRequest): Promise<AsyncIterable<RestEvent>> => {
  const { position, after } = toPosition(request);
  const wanted = new gateway.ChaincodeEventsRequest();
  wanted.setChannelId(request.channel);
  wanted.setChaincodeId(request.chaincode);
  wanted.setIdentity(serializedIdentity(session.identity.mspId, session.identity.pem));
  wanted.setStartPosition(position);
  wanted.setAfterTransactionId(after);
  const bytes = wanted.serializeBinary();
  const signed = new gateway.SignedChaincodeEventsRequest();
  signed.setRequest(bytes);
  signed.setSignature(await session.sign(bytes));
  const options = session.label === undefined ? {} : { label: session.label };
  const messages = session.context.serverStream("gateway.Gateway/ChaincodeEvents", signed.serializeBinary(), options);
  return read(messages, request.chaincode);
};

async function* read(messages: AsyncIterable<Uint8Array>, chaincode: string): AsyncGenerator<RestEvent> {
  try {
    for await (const message of messages) {
      const answer = gateway.ChaincodeEventsResponse.deserializeBinary(message);
      const block = answer.getBlockNumber();
      for (const event of answer.getEventsList()) {
        const { result, encoding } = toResult(event.getPayload_asU8());
        const transactionId = event.getTxId();
        const name = event.getEventName();
        const data = { block, transactionId, chaincode, name, payload: result, encoding };
        yield { id: `${block}:${transactionId}`, name: nameOfEvent(name), data };
      }
    }
  } catch (error) {
    throw toAccessError("The events ended", error);
  }
}
