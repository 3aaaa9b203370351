import { gateway } from "@hyperledger/fabric-protos";
import { expect, it } from "vitest";
import { fabricRest } from "./access/rest.ts";
import { toSignedProposal } from "./config/envelope.ts";
import { fabricGrpcPolicy, fabricGrpcRules, fabricRestPolicy } from "./policy.ts";

it("offers exactly the gateway's five methods and filtered blocks", () => {
  const allowed = [
    ...["Evaluate", "Endorse", "Submit", "CommitStatus", "ChaincodeEvents"].map((name) => `gateway.Gateway/${name}`),
    "protos.Deliver/DeliverFiltered",
  ];
  for (const method of allowed) expect(fabricGrpcPolicy.verdict(method, "dev").kind, method).toBe("forward");
  const denied = [
    ...["protos.Endorser/ProcessProposal", "protos.Deliver/Deliver", "protos.Deliver/DeliverWithPrivateData"],
    ...["protos.Snapshot/Generate", "discovery.Discovery/Discover", "orderer.AtomicBroadcast/Broadcast"],
    ...["gateway.Gateway/evaluate", "gateway.Gateway/", "", "__proto__", "constructor"],
  ];
  for (const method of denied) expect(fabricGrpcPolicy.verdict(method, "dev").kind, method).toBe("deny");
  expect(allowed.filter((method) => fabricGrpcRules.isStream(method))).toEqual([
    "gateway.Gateway/ChaincodeEvents",
    "protos.Deliver/DeliverFiltered",
  ]);
});

it("bills transactions one by one, and everything else by weight", () => {
  const skuOf = (method: string) => Reflect.get(fabricGrpcPolicy.verdict(method, "dev"), "sku");
  expect(skuOf("gateway.Gateway/Submit")).toBe("transaction.submitted");
  expect(skuOf("gateway.Gateway/Evaluate")).toBe("transaction.evaluated");
  expect(skuOf("gateway.Gateway/Endorse")).toBeUndefined();
});

it("has a rule for each route of REST, and no other", () => {
  for (const { name } of fabricRest.routes) expect(fabricRestPolicy.verdict(name, "dev").kind, name).toBe("forward");
  expect(fabricRestPolicy.verdict("transactions.admin", "dev").kind).toBe("deny");
});

it("knows the peers of an organisation by their names", () => {
  const select = (label: string, node: string) => fabricGrpcRules.selects?.(label, { node, region: "local" });
  expect(select("org1", "peer-org1-0")).toBe(true);
  expect(select("org1", "peer-org1-12")).toBe(true);
  expect(select("org1", "peer-org10-0")).toBe(false);
  expect(select("org", "peer-org-1-0")).toBe(false);
  expect(select("org-1", "peer-org-1-0")).toBe(true);
  expect(select("org1", "orderer-0")).toBe(false);
});

const placeholder = Uint8Array.from([0x30, 6, 2, 1, 1, 2, 1, 1]);

const proposalOf = async (chaincode: string, args: string[] = ["x"]) => {
  const { proposal } = await toSignedProposal({
    ...{ channelId: "main", chaincode, args, nonce: new Uint8Array(24), at: new Date(0) },
    identity: { mspId: "Org1MSP", pem: "pem" },
    sign: async () => placeholder,
  });
  return proposal;
};

it.each(["_lifecycle", "cscc", "lscc"])("does not let %s be called through the gateway", async (chaincode) => {
  const evaluate = new gateway.EvaluateRequest();
  evaluate.setProposedTransaction(await proposalOf(chaincode));
  const endorse = new gateway.EndorseRequest();
  endorse.setProposedTransaction(await proposalOf(chaincode));
  expect(fabricGrpcRules.check?.("gateway.Gateway/Evaluate", evaluate.serializeBinary())).toContain(chaincode);
  expect(fabricGrpcRules.check?.("gateway.Gateway/Endorse", endorse.serializeBinary())).toContain(chaincode);
});

it("lets an application's chaincode be called, whatever its arguments say, and the ledger's own", async () => {
  for (const [chaincode, args] of [
    ["basic", ["about _lifecycle and cscc"]],
    ["qscc", ["GetChainInfo", "main"]],
  ] as const) {
    const request = new gateway.EvaluateRequest();
    request.setProposedTransaction(await proposalOf(chaincode, [...args]));
    expect(fabricGrpcRules.check?.("gateway.Gateway/Evaluate", request.serializeBinary())).toBeNull();
  }
  expect(fabricGrpcRules.check?.("gateway.Gateway/Evaluate", Buffer.from("_lifecycle"))).toContain("can't be read");
});
