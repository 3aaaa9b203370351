import { setTimeout as sleep } from "node:timers/promises";
import { gateway, peer } from "@hyperledger/fabric-protos";
import { serializedIdentity } from "../config/envelope.ts";
import { toLowS } from "../crypto/index.ts";
import { type ChaincodeCall, type PeerSession, toProposal } from "./endorser.ts";
import type { CallOptions } from "./grpc-clients.ts";
import { Refusal } from "./refusal.ts";

export interface Submission extends ChaincodeCall {
  /** MSP ids of those whose peers must endorse; empty: by the chaincode's policy. */
  endorsingOrganisations: readonly string[];
}

export interface Commit {
  transactionId: string;
  blockNumber: number;
}

/** What a gateway says for a moment after peers joined, until gossip has told it of them. */
const isPassing = (error: unknown): boolean =>
  error instanceof Refusal &&
  /failed to find any endorsing peers|no combination of peers|failed to select a set of endorsers|no orderer|insufficient number of orderers|failed constructing descriptor|no peers available/i.test(
    error.message,
  );

const pauseMs = 100;

/** Repeats what fails only because the peer has not heard of the others yet. */
const untilKnown = async <Answer>(endsAt: number, signal: AbortSignal, ask: () => Promise<Answer>): Promise<Answer> => {
  for (;;) {
    try {
      return await ask();
    } catch (error) {
      if (!isPassing(error) || Date.now() + pauseMs > endsAt) throw error;
      await sleep(pauseMs, undefined, { signal });
    }
  }
};

/** One proposal, signed once, however often it has to be sent. */
const endorse = async (session: PeerSession, submission: Submission, endsAt: number, signal: AbortSignal) => {
  const { proposal, transactionId } = await toProposal(session, submission);
  const request = new gateway.EndorseRequest();
  request.setTransactionId(transactionId);
  request.setChannelId(submission.channelId);
  request.setProposedTransaction(proposal);
  request.setEndorsingOrganizationsList([...submission.endorsingOrganisations]);
  const answer = await untilKnown(endsAt, signal, () => {
    const timeoutMs = Math.max(1, endsAt - Date.now());
    return session.clients.call(session.target, gateway.GatewayService.endorse, request, { timeoutMs, signal });
  });
  const envelope = answer.getPreparedTransaction();
  if (envelope === undefined) throw new Refusal("there was no transaction in the answer", "INTERNAL");
  envelope.setSignature(toLowS(await session.sign(envelope.getPayload_asU8())));
  return { envelope, transactionId };
};

const toCommitRequest = async (session: PeerSession, channelId: string, transactionId: string) => {
  const request = new gateway.CommitStatusRequest();
  request.setChannelId(channelId);
  request.setTransactionId(transactionId);
  request.setIdentity(serializedIdentity(session.identity.mspId, session.identity.pem));
  const signed = new gateway.SignedCommitStatusRequest();
  signed.setRequest(request.serializeBinary());
  signed.setSignature(toLowS(await session.sign(request.serializeBinary())));
  return signed;
};

const validationNames = new Map<number, string>(
  Object.entries(peer.TxValidationCode).map(([name, code]) => [code as number, name]),
);

/**
 * Endorses, orders and waits until the transaction stands in a block. All of it in `timeoutMs`; a commit that does not
 * show within `resubmitMs` is sent again as the same transaction, because an orderer that was killed may have lost it.
 * Throws `Refusal`, with the validation code as status where it was written down as invalid.
 */
export const submitTransaction = async (
  session: PeerSession,
  submission: Submission,
  { timeoutMs, signal, resubmitMs = 10_000 }: CallOptions & { resubmitMs?: number },
): Promise<Commit> => {
  const { clients, target } = session;
  const endsAt = Date.now() + timeoutMs;
  const left = (): number => Math.max(1, endsAt - Date.now());
  const { envelope, transactionId } = await endorse(session, submission, endsAt, signal);
  const request = new gateway.SubmitRequest();
  request.setTransactionId(transactionId);
  request.setChannelId(submission.channelId);
  request.setPreparedTransaction(envelope);
  const submit = () => clients.call(target, gateway.GatewayService.submit, request, { timeoutMs: left(), signal });
  const commitRequest = await toCommitRequest(session, submission.channelId, transactionId);
  for (;;) {
    await untilKnown(endsAt, signal, submit);
    try {
      const wait = { timeoutMs: Math.min(resubmitMs, left()), signal };
      const status = await clients.call(target, gateway.GatewayService.commitStatus, commitRequest, wait);
      if (status.getResult() === peer.TxValidationCode.VALID)
        return { transactionId, blockNumber: status.getBlockNumber() };
      const name = validationNames.get(status.getResult()) ?? String(status.getResult());
      throw new Refusal(`the transaction was written down as invalid: ${name}`, name);
    } catch (error) {
      const isLate = error instanceof Refusal && error.status === "DEADLINE_EXCEEDED";
      if (!isLate || Date.now() >= endsAt) throw error;
    }
  }
};
