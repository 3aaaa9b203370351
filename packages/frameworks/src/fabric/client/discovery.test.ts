import { discovery, msp } from "@hyperledger/fabric-protos";
import { expect, test } from "vitest";
import { askForPlan, readPlan, toPlanQuestion } from "./discovery.ts";
import type { PeerSession } from "./endorser.ts";

const identity = { mspId: "Org1MSP", pem: "-----BEGIN CERTIFICATE-----" };
const signature = Uint8Array.from([0x30, 6, 2, 1, 1, 2, 1, 1]);
const wish = { channel: "main", name: "goods" };

const toAnswer = (fill: (result: discovery.QueryResult) => void): discovery.Response => {
  const result = new discovery.QueryResult();
  fill(result);
  const answer = new discovery.Response();
  answer.setResultsList([result]);
  return discovery.Response.deserializeBinary(answer.serializeBinary());
};

const descriptorOf = (layouts: number): discovery.Response =>
  toAnswer((result) => {
    const descriptor = new discovery.EndorsementDescriptor();
    descriptor.setChaincode("goods");
    for (let index = 0; index < layouts; index++) {
      const layout = new discovery.Layout();
      layout.getQuantitiesByGroupMap().set("G0", 1);
      descriptor.addLayouts(layout);
    }
    const found = new discovery.ChaincodeQueryResult();
    found.setContentList([descriptor]);
    result.setCcQueryRes(found);
  });

const refusal = (content: string): discovery.Response =>
  toAnswer((result) => {
    const error = new discovery.Error();
    error.setContent(content);
    result.setError(error);
  });

test("the question is for one chaincode on its channel, in the administrator's name, signed as it is sent", async () => {
  const signed: Uint8Array[] = [];
  const sign = async (data: Uint8Array): Promise<Uint8Array> => {
    signed.push(data);
    return signature;
  };
  const question = await toPlanQuestion({ identity, sign }, wish);
  expect(signed).toEqual([question.getPayload_asU8()]);
  expect(question.getSignature_asU8()).toEqual(signature);
  const request = discovery.Request.deserializeBinary(question.getPayload_asU8());
  const [query] = request.getQueriesList();
  expect(query?.getChannel()).toBe("main");
  expect(
    query
      ?.getCcQuery()
      ?.getInterestsList()
      .map((interest) => interest.getChaincodesList().map((call) => call.getName())),
  ).toEqual([["goods"]]);
  const asked = msp.SerializedIdentity.deserializeBinary(
    request.getAuthentication()?.getClientIdentity_asU8() ?? signature,
  );
  expect(asked.getMspid()).toBe("Org1MSP");
});

test("a layout is a plan; without one it is waited for, with what the peer says", () => {
  expect(readPlan(descriptorOf(1))).toEqual({ kind: "planned" });
  expect(readPlan(descriptorOf(0))).toEqual({ kind: "waiting", problem: "it knows too few peers" });
  // Texts of peer 3.1 (discovery/service.go).
  for (const problem of ["access denied", 'failed constructing descriptor for chaincodes:<name:"goods" > '])
    expect(readPlan(refusal(problem))).toEqual({ kind: "waiting", problem });
  expect(readPlan(new discovery.Response())).toMatchObject({ kind: "waiting" });
});

test("the peer's own discovery is asked", async () => {
  const paths: string[] = [];
  const call = async ({ path }: { path: string }): Promise<discovery.Response> => {
    paths.push(path);
    return descriptorOf(2);
  };
  const clients = { call: (_target: unknown, method: { path: string }) => call(method) };
  const session = { clients, target: {} } as unknown as PeerSession;
  const options = { timeoutMs: 1_000, signal: AbortSignal.timeout(1_000) };
  expect(await askForPlan(session, new discovery.SignedRequest(), options)).toEqual({ kind: "planned" });
  expect(paths).toEqual(["/discovery.Discovery/Discover"]);
});
