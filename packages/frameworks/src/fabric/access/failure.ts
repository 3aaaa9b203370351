import { gateway, google, peer } from "@hyperledger/fabric-protos";
import { DomainError, type DomainErrorFields } from "@portolan/domain";
import { GrpcFailure } from "../../rest-protocol.ts";
import { expiredHint } from "./expiry.ts";

const status = { cancelled: 1, deadlineExceeded: 4, permissionDenied: 7, unavailable: 14 } as const;
const maxDetails = 8;
const maxTextLength = 1_000;

/** What each peer said (`gateway.ErrorDetail`), bounded. */
const toDetails = ({ details }: GrpcFailure): string[] => {
  if (details === null) return [];
  try {
    return google.rpc.Status.deserializeBinary(details)
      .getDetailsList()
      .slice(0, maxDetails)
      .map((any) => {
        const detail = gateway.ErrorDetail.deserializeBinary(any.getValue_asU8());
        return `${detail.getMspId()}: ${detail.getMessage()}`;
      });
  } catch {
    return [];
  }
};

/** A peer says a doubled transaction's creator, a whole certificate, in hexadecimal. */
const creator = /\.? Creator \[[0-9a-f]+\]/gi;

/** The peers' own words, which the caller has a right to: they are about its transaction. */
const textOf = (failure: GrpcFailure): string =>
  [...new Set([failure.message, ...toDetails(failure)].map((text) => text.replace(creator, "")))]
    .join("; ")
    .slice(0, maxTextLength);

interface Reading {
  pattern: RegExp;
  code: DomainErrorFields["code"];
  hint: string;
  /** It may be otherwise in a moment. */
  isPassing?: true;
}

/** In order; texts of peer 3.1 (internal/pkg/gateway, core/endorser, core/common/validation). */
const readings: readonly Reading[] = [
  {
    pattern: /client identity expired|certificate has expired|expired \d+/i,
    code: "identity.expired",
    hint: expiredHint,
  },
  { pattern: /revoked/i, code: "identity.revoked", hint: "Use another identity." },
  {
    pattern: /failed to get config for channel|could not get last config for channel/i,
    code: "chaincode.unknown",
    hint: "There is no such channel on the peers: GET /v1/chains/{chain}/channels lists them.",
  },
  {
    pattern: /could not launch chaincode|error creating grpc connection/i,
    code: "chaincode.unreachable",
    hint: "Its server does not answer the peers: look at the chaincode's condition and its log. Nothing was written.",
  },
  {
    pattern: /no metadata was found for chaincode/i,
    code: "chaincode.unknown",
    hint: "Look at the channel's chaincodes and their conditions.",
  },
  {
    pattern:
      /required chaincodes are not installed on sufficient peers|no peer combination can satisfy|failed to select a set of endorsers/i,
    code: "transaction.endorsement_refused",
    hint: "The peers that have the chaincode and are up, as far as the asked one has heard, are too few for its endorsement policy: look at the nodes' conditions. Nothing was sent to be ordered: call again.",
    isPassing: true,
  },
  {
    pattern: /failed to find any endorsing peers for org/i,
    code: "transaction.endorsement_refused",
    hint: "endorsers are MSP ids of the channel's organisations, with peers that are up and have the chaincode.",
  },
  {
    pattern:
      /access denied|creator.*(?:not|invalid)|incorrect timestamp|status=FORBIDDEN|failed evaluating policy on signed data/i,
    code: "identity.refused",
    hint: "The identity must belong to an organisation of the channel, and the signature be of the very bytes that were given out (ECDSA P-256 over SHA-256).",
  },
  {
    pattern:
      /no peers available to evaluate chaincode|successfully defined on channel|chaincode \S+ not found|could not (?:find|get) chaincode|no such chaincode/i,
    code: "chaincode.unknown",
    hint: "Look at the channel's chaincodes and their conditions; peers that were just started know of it a moment later.",
  },
];

/** Of whatever is not handed to the orderers: an answer that nobody waited for has no effect. */
const nothingSent = "Nothing was sent to be ordered: call again, or give the chaincode less to do at once.";

/**
 * What the caller reads when nodes would not, or could not, do what was asked. `lateHint`: what to do when they did not
 * in time.
 */
export const toAccessError = (
  what: string,
  error: unknown,
  meta?: { readonly [key: string]: string },
  lateHint = nothingSent,
): unknown => {
  if (!(error instanceof GrpcFailure)) return error;
  const message = `${what}: ${textOf(error)}`;
  const more = { cause: error, ...(meta === undefined ? {} : { meta }) };
  if (error.status === status.deadlineExceeded)
    return new DomainError({ code: "transaction.timed_out", message, hint: lateHint, retryable: true, ...more });
  if (error.isUnreached || error.status === status.cancelled)
    return new DomainError({ code: "node.unhealthy", message, retryable: true, ...more });
  const found = readings.find(({ pattern }) => pattern.test(message));
  if (found !== undefined) {
    const { code, hint, isPassing } = found;
    const retryable = isPassing === true || code === "chaincode.unreachable";
    return new DomainError({ code, message, hint, retryable, ...more });
  }
  if (error.status === status.unavailable)
    return new DomainError({ code: "node.unhealthy", message, retryable: true, ...more });
  return new DomainError({ code: "transaction.endorsement_refused", message, ...more });
};

const validationNames = new Map<number, string>(
  Object.entries(peer.TxValidationCode).map(([name, code]) => [code as number, name]),
);

export const nameOfValidation = (code: number): string => validationNames.get(code) ?? String(code);

const invalid: { readonly [code: number]: { code: DomainErrorFields["code"]; message: string; hint: string } } = {
  [peer.TxValidationCode.MVCC_READ_CONFLICT]: {
    code: "transaction.mvcc_conflict",
    message: "Another transaction changed what this one had read.",
    hint: "Submit it again: nothing was written.",
  },
  [peer.TxValidationCode.PHANTOM_READ_CONFLICT]: {
    code: "transaction.phantom_read",
    message: "Another transaction changed a range that this one had read.",
    hint: "Submit it again: nothing was written.",
  },
  [peer.TxValidationCode.ENDORSEMENT_POLICY_FAILURE]: {
    code: "transaction.policy_failure",
    message: "The endorsements do not meet the chaincode's policy.",
    hint: "Peers of the organisations that the policy names must be well, and answer alike.",
  },
};

/** A transaction that stands in a block as invalid; nothing of it was written. */
export const toInvalidError = (code: number, transactionId: string, blockNumber?: number): DomainError => {
  const name = nameOfValidation(code);
  const found = invalid[code] ?? {
    code: "transaction.invalid" as const,
    message: "The transaction is in a block, but invalid.",
    hint: "Nothing of it was written.",
  };
  const block = blockNumber === undefined ? {} : { blockNumber: String(blockNumber) };
  const meta = { transactionId, validationCode: name, ...block };
  return new DomainError({ ...found, message: `${found.message} (${name})`, meta });
};
