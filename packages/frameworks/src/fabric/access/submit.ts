import { setTimeout as sleep } from "node:timers/promises";
import { type common, gateway, peer } from "@hyperledger/fabric-protos";
import { DomainError, type JsonObject } from "@portolan/domain";
import { GrpcFailure, type RestCallOptions, type RestContext } from "../../rest-protocol.ts";
import { toAccessError, toInvalidError } from "./failure.ts";

/** Statuses after which the same transaction is sent again: a deadline, and orderers that can't be had. */
const passing: ReadonlySet<number> = new Set([4, 14]);
const pauseMs = 200;
/** How long a commit is waited for before the transaction is sent again: a leader that was killed may have lost it. */
const resubmitMs = 10_000;

export interface Prepared {
  channel: string;
  transactionId: string;
  /** Signed `common.Envelope`. */
  envelope: common.Envelope;
  /** Signed `gateway.SignedCommitStatusRequest`; `null`: nobody can be asked for the commit. */
  status: Uint8Array | null;
}

const isPassing = (error: unknown): boolean =>
  error instanceof GrpcFailure && (error.isUnreached || passing.has(error.status));

/** Hands the transaction to the orderers; again while they can't be had. Throws `DomainError`. */
const order = async (
  context: RestContext,
  { channel, transactionId, envelope }: Prepared,
  endsAt: number,
  options: Omit<RestCallOptions, "timeoutMs">,
): Promise<void> => {
  const request = new gateway.SubmitRequest();
  request.setTransactionId(transactionId);
  request.setChannelId(channel);
  request.setPreparedTransaction(envelope);
  const message = request.serializeBinary();
  for (;;) {
    try {
      const timeoutMs = Math.max(1, Math.min(resubmitMs, endsAt - context.now().getTime()));
      await context.unary("gateway.Gateway/Submit", message, { ...options, timeoutMs });
      return;
    } catch (error) {
      if (!isPassing(error) || context.now().getTime() + pauseMs >= endsAt)
        throw toAccessError(
          "The transaction could not be handed to the orderers",
          error,
          { transactionId },
          "Ask for the transaction's status before sending it again.",
        );
      await sleep(pauseMs, undefined, { signal: context.signal });
    }
  }
};

const awaitCommit = async (
  context: RestContext,
  status: Uint8Array,
  timeoutMs: number,
  options: Omit<RestCallOptions, "timeoutMs">,
  isSecond = false,
): Promise<{ code: number; blockNumber: number } | null> => {
  try {
    const answer = await context.unary("gateway.Gateway/CommitStatus", status, { ...options, timeoutMs });
    const found = gateway.CommitStatusResponse.deserializeBinary(answer);
    const code = found.getResult();
    // Of two of the same in one block a waiting reader is told of the second; the ledger keeps the first.
    if (code === peer.TxValidationCode.DUPLICATE_TXID && !isSecond)
      return await awaitCommit(context, status, timeoutMs, options, true);
    return { code, blockNumber: found.getBlockNumber() };
  } catch (error) {
    if (isPassing(error)) return null;
    throw toAccessError("The transaction's status could not be had", error);
  }
};

/**
 * Sends a transaction and, with a status request, waits until it stands in a block; the same transaction is sent again
 * when it does not show, because an accepted one may be lost with a leader (its double gets validation code 9, and the
 * status stays what it was). Throws `transaction.*` with the id, so that its caller can ask later.
 */
export const submitPrepared = async (
  context: RestContext,
  prepared: Prepared,
  timeoutMs: number,
  options: Omit<RestCallOptions, "timeoutMs">,
): Promise<JsonObject> => {
  const { transactionId, status } = prepared;
  const endsAt = context.now().getTime() + timeoutMs;
  for (;;) {
    await order(context, prepared, endsAt, options);
    if (status === null) return { transactionId, status: "PENDING" };
    const leftMs = endsAt - context.now().getTime();
    const found = leftMs <= 0 ? null : await awaitCommit(context, status, Math.min(resubmitMs, leftMs), options);
    if (found !== null) {
      const { code, blockNumber } = found;
      if (code !== peer.TxValidationCode.VALID) throw toInvalidError(code, transactionId, blockNumber);
      return { transactionId, status: "VALID", blockNumber };
    }
    if (context.signal.aborted || context.now().getTime() + pauseMs >= endsAt)
      throw new DomainError({
        code: "transaction.timed_out",
        message: "The transaction was sent, and is not in a block yet.",
        hint: "Ask for its status; sending it again with the same Idempotency-Key does no harm.",
        retryable: true,
        meta: { transactionId },
      });
    await sleep(pauseMs, undefined, { signal: context.signal });
  }
};
