import { peer } from "@hyperledger/fabric-protos";
import { expect, test } from "vitest";
import type { PeerSession } from "../client/endorser.ts";
import { Refusal } from "../client/refusal.ts";
import { probeChaincode } from "./ask-chaincode.ts";

/** What a peer answers to a proposal: its status, its message, and whether a chaincode was executed for it. */
interface Answer {
  status: number;
  message?: string;
  isExecuted?: boolean;
}

const probe = (answer: Answer | Refusal) => {
  const call = async (): Promise<peer.ProposalResponse> => {
    if (answer instanceof Refusal) throw answer;
    const response = new peer.Response();
    response.setStatus(answer.status);
    response.setMessage(answer.message ?? "");
    const proposalResponse = new peer.ProposalResponse();
    proposalResponse.setResponse(response);
    if (answer.isExecuted === true) proposalResponse.setPayload(new Uint8Array([1]));
    return proposalResponse;
  };
  const session = {
    clients: { call },
    target: {},
    identity: { mspId: "Org1MSP", pem: "-----BEGIN CERTIFICATE-----" },
    sign: async () => Buffer.from("3006020101020101", "hex"),
  } as unknown as PeerSession;
  const wish = { channel: "main", name: "goods" };
  const options = { timeoutMs: 1_000, signal: AbortSignal.timeout(1_000) };
  return probeChaincode({ peer: async () => session }, "peer-org1-0", wish, options);
};

test.each([
  ["it says yes", { status: 200, isExecuted: true }],
  ["it says no", { status: 500, message: "there is no function GetMetadata", isExecuted: true }],
  ["it says no in the words of a peer", { status: 500, message: "error in simulation: x", isExecuted: true }],
  ["it says no with a status of its own", { status: 404, message: "what is that?" }],
])("a chaincode has answered: %s", async (_what, answer) => {
  expect(await probe(answer)).toEqual({ kind: "answered" });
});

test("one that must be initialised first says so through the peer", async () => {
  const message = "error in simulation: chaincode 'goods' has not been initialized for this version, must call as init";
  expect(await probe({ status: 500, message })).toEqual({ kind: "uninitialised" });
});

test.each([
  ["could not be launched", { status: 500, message: "error in simulation: could not launch chaincode goods" }],
  ["is not ready", { status: 500, message: "the ledger is being recovered" }],
  ["has too much to do", new Refusal("too many requests for /protos.Endorser", "RESOURCE_EXHAUSTED")],
  ["does not know us yet", new Refusal("error validating proposal: access denied: channel [main]", "UNKNOWN")],
  ["is away", new Refusal("no connection", "UNAVAILABLE", true)],
])("what a peer says for itself is no answer of a chaincode: it %s", async (_what, answer) => {
  expect((await probe(answer)).kind).toBe("silent");
});
