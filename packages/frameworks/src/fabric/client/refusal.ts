import { type ServiceError, status } from "@grpc/grpc-js";
import { gateway, google } from "@hyperledger/fabric-protos";
import { DomainError } from "@portolan/domain";

/** What a node said when it did not do what was asked. The text is the node's own and may be matched. */
export class Refusal extends Error {
  /** gRPC's name of the status, an HTTP status or a validation code. */
  readonly status: string;
  /** The node never did anything with it: it was not reached, or not in time. */
  readonly isUnreached: boolean;
  /** Not the node said it, but a chaincode that it called. */
  readonly isOfChaincode: boolean;

  constructor(message: string, reason: string, isUnreached = false, isOfChaincode = false) {
    super(message);
    this.name = "Refusal";
    this.status = reason;
    this.isUnreached = isUnreached;
    this.isOfChaincode = isOfChaincode;
  }
}

const maxDetails = 8;

/** `gateway.ErrorDetail`s out of the `grpc-status-details-bin` trailer: what each peer said. */
const toDetails = (error: ServiceError): string[] => {
  const [raw] = error.metadata?.get("grpc-status-details-bin") ?? [];
  if (!(raw instanceof Uint8Array)) return [];
  try {
    const details = google.rpc.Status.deserializeBinary(raw).getDetailsList().slice(0, maxDetails);
    return details.map((any) => {
      const detail = gateway.ErrorDetail.deserializeBinary(any.getValue_asU8());
      return `${detail.getMspId()} at ${detail.getAddress()}: ${detail.getMessage()}`;
    });
  } catch {
    return [];
  }
};

const unreached: ReadonlySet<number> = new Set([status.UNAVAILABLE, status.DEADLINE_EXCEEDED, status.CANCELLED]);

/** A failed call as a refusal; what the peers behind a gateway said is part of the text. */
export const toRefusal = (error: ServiceError): Refusal => {
  const details = toDetails(error);
  const text = details.length === 0 ? error.details : `${error.details} (${details.join("; ")})`;
  return new Refusal(text || error.message, status[error.code] ?? String(error.code), unreached.has(error.code));
};

/** Not more of a node's text than a reader needs. */
const maxTextLength = 1_000;

/** Raft writes 128 MB of log ahead for each channel, so that a disk is full before it looks so. */
const fullDisk = {
  pattern: /no space left on device|disk quota exceeded/i,
  hint: "The disk that holds the node's data is full: free some space on it. It is tried again by itself.",
};

/**
 * What the tenant reads of a step that a node would not do. `what` says what was asked, as a sentence without its end.
 */
export const toRefusedError = (what: string, error: unknown, hint?: string): unknown => {
  if (!(error instanceof Refusal)) return error;
  const text = error.message.slice(0, maxTextLength);
  const isFull = fullDisk.pattern.test(text);
  const advice = isFull ? fullDisk.hint : hint;
  return new DomainError({
    code: isFull ? "node.storage_full" : error.isUnreached ? "node.unhealthy" : "step.refused",
    message: `${what}: ${text}`,
    retryable: true,
    cause: error,
    ...(advice === undefined ? {} : { hint: advice }),
  });
};
