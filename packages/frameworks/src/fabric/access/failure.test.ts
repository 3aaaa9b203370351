import { expect, it } from "vitest";
import { GrpcFailure } from "../../rest-protocol.ts";
import { toAccessError, toInvalidError } from "./failure.ts";

const codeOf = (status: number, message: string, more: Partial<ConstructorParameters<typeof GrpcFailure>[0]> = {}) =>
  toAccessError("It was not done", new GrpcFailure({ status, message, ...more }));

// Texts as peers 3.1.5 answered them.
it.each([
  [
    2,
    "evaluate call to endorser returned error: access denied: channel [main] creator org [Org1MSP]",
    "identity.refused",
  ],
  [2, "error validating proposal: access denied: channel [main] creator org unknown", "identity.refused"],
  [9, "no combination of peers can be derived which satisfy the endorsement policy", "transaction.endorsement_refused"],
  [
    9,
    "no combination of peers can be derived which satisfy the endorsement policy: required chaincodes are not installed on sufficient peers",
    "transaction.endorsement_refused",
  ],
  [
    9,
    "no combination of peers can be derived which satisfy the endorsement policy: No metadata was found for chaincode nothing in channel main",
    "chaincode.unknown",
  ],
  [10, "failed to endorse transaction", "transaction.endorsement_refused"],
  [4, "context deadline exceeded", "transaction.timed_out"],
  [9, "no peers available to evaluate chaincode basic in channel main", "chaincode.unknown"],
  [14, "failed to get config for channel [nope]: could not get last config for channel nope", "chaincode.unknown"],
  [14, "failed to find any endorsing peers for org(s): NobodyMSP", "transaction.endorsement_refused"],
  [
    10,
    "received unsuccessful response from orderer: status=FORBIDDEN, info=implicit policy evaluation failed",
    "identity.refused",
  ],
  [
    7,
    "Failed evaluating policy on signed data during check policy on channel [null] with policy [/Channel/Application/Readers]",
    "identity.refused",
  ],
  [
    10,
    "failed to execute transaction 08cd: could not launch chaincode basic:25aa: connection to basic:25aa failed",
    "chaincode.unreachable",
  ],
  [14, "no orderers could successfully process transaction", "node.unhealthy"],
  [
    2,
    "make sure the chaincode nothing has been successfully defined on channel main and try again",
    "chaincode.unknown",
  ],
] as const)("%i %s is %s", (status, message, code) => {
  expect(codeOf(status, message)).toMatchObject({ code, message: `It was not done: ${message}` });
});

it("peers that the asked one has not heard of may be heard of in a moment", () => {
  const early = "no combination of peers: required chaincodes are not installed on sufficient peers";
  expect(codeOf(9, early)).toMatchObject({ retryable: true, hint: expect.stringContaining("Nothing was sent") });
  expect(codeOf(14, "failed to find any endorsing peers for org(s): NobodyMSP")).toMatchObject({ retryable: false });
});

it("a doubled transaction is said without the whole certificate of its creator", () => {
  const message = "error validating proposal: duplicate transaction found [ab]. Creator [0a074f7267314d5350]";
  expect(codeOf(2, message)).toMatchObject({
    message: "It was not done: error validating proposal: duplicate transaction found [ab]",
  });
});

it("what came too late says what to do: of a transaction that was sent, and of a call that has no effect", () => {
  const late = new GrpcFailure({ status: 4, message: "context deadline exceeded" });
  expect(toAccessError("It was not evaluated", late)).toMatchObject({
    code: "transaction.timed_out",
    hint: expect.stringContaining("Nothing was sent"),
  });
  expect(toAccessError("It was not ordered", late, { transactionId: "ab" }, "Ask for its status.")).toMatchObject({
    hint: "Ask for its status.",
    meta: { transactionId: "ab" },
  });
});

it("what never reached a node is its failure, and what is no answer of a node stays what it is", () => {
  expect(codeOf(14, "no node can be reached", { isUnreached: true })).toMatchObject({ code: "node.unhealthy" });
  const other = new Error("a bug");
  expect(toAccessError("x", other)).toBe(other);
});

it.each([
  [11, "transaction.mvcc_conflict"],
  [12, "transaction.phantom_read"],
  [10, "transaction.policy_failure"],
  [25, "transaction.invalid"],
] as const)("validation code %i is %s", (validation, code) => {
  const error = toInvalidError(validation, "ab", 7);
  expect(error).toMatchObject({ code, meta: { transactionId: "ab", blockNumber: "7" } });
});

it("the block of a transaction that was found by its id is not known, and not said", () => {
  expect(toInvalidError(11, "ab").meta).toEqual({ transactionId: "ab", validationCode: "MVCC_READ_CONFLICT" });
});
