import { createHash, createVerify } from "node:crypto";
import { common, msp, peer } from "@hyperledger/fabric-protos";
import { expect, test } from "vitest";
import { createTestNetwork } from "../../../test/fabric-test-network.ts";
import { serializedIdentity, toSignedEnvelope, toSignedProposal } from "./envelope.ts";

const network = await createTestNetwork({ consensus: "raft", orderers: 1, organisations: 1 });
const [org1] = network.organisations;
if (org1 === undefined) throw new Error("no organisation");
const nonce = network.random.bytes(24);
const at = new Date("2026-11-23T10:00:00.250Z");
const signing = { ...network.identityOf(org1), nonce, at };

const readHeader = (header: common.Header | undefined) => ({
  channel: common.ChannelHeader.deserializeBinary(header?.getChannelHeader_asU8() ?? new Uint8Array()),
  signature: common.SignatureHeader.deserializeBinary(header?.getSignatureHeader_asU8() ?? new Uint8Array()),
});

test("an identity on the wire is the MSP's id and the certificate's PEM", () => {
  const read = msp.SerializedIdentity.deserializeBinary(serializedIdentity("Org1MSP", org1.admin.pem));
  expect(read.getMspid()).toBe("Org1MSP");
  expect(Buffer.from(read.getIdBytes_asU8()).toString()).toBe(org1.admin.pem);
});

test("an envelope is signed over its payload, and its header says who, when and which transaction", async () => {
  const bytes = await toSignedEnvelope({ type: "configUpdate", channelId: "ch1", data: Buffer.from("x"), ...signing });
  const envelope = common.Envelope.deserializeBinary(bytes);
  const payload = common.Payload.deserializeBinary(envelope.getPayload_asU8());
  const { channel, signature } = readHeader(payload.getHeader());
  const creator = serializedIdentity("Org1MSP", org1.admin.pem);
  expect(channel.getType()).toBe(common.HeaderType.CONFIG_UPDATE);
  expect(channel.getChannelId()).toBe("ch1");
  expect(channel.getTimestamp()?.toDate()).toEqual(at);
  expect(channel.getTxId()).toBe(createHash("sha256").update(nonce).update(creator).digest("hex"));
  expect(signature.getCreator_asU8()).toEqual(creator);
  expect(signature.getNonce_asU8()).toEqual(nonce);
  expect(Buffer.from(payload.getData_asU8()).toString()).toBe("x");
  const verified = createVerify("sha256")
    .update(envelope.getPayload_asU8())
    .verify(org1.admin.publicKeyPem, envelope.getSignature_asU8());
  expect(verified).toBe(true);
});

test("a proposal carries chaincode, arguments and transient data, and tells the transaction's id", async () => {
  const { proposal, transactionId } = await toSignedProposal({
    channelId: "",
    chaincode: "cscc",
    args: ["JoinChain", Uint8Array.of(1, 2, 3)],
    transient: { secret: Uint8Array.of(9) },
    ...signing,
  });
  const read = peer.Proposal.deserializeBinary(proposal.getProposalBytes_asU8());
  const { channel } = readHeader(common.Header.deserializeBinary(read.getHeader_asU8()));
  expect(channel.getType()).toBe(common.HeaderType.ENDORSER_TRANSACTION);
  expect(channel.getTxId()).toBe(transactionId);
  const extension = peer.ChaincodeHeaderExtension.deserializeBinary(channel.getExtension_asU8());
  expect(extension.getChaincodeId()?.getName()).toBe("cscc");
  const payload = peer.ChaincodeProposalPayload.deserializeBinary(read.getPayload_asU8());
  expect(payload.getTransientmapMap().get("secret")).toEqual(Uint8Array.of(9));
  const invocation = peer.ChaincodeInvocationSpec.deserializeBinary(payload.getInput_asU8());
  const args = invocation.getChaincodeSpec()?.getInput()?.getArgsList_asU8() ?? [];
  expect(args.map((arg) => [...arg])).toEqual([[...Buffer.from("JoinChain")], [1, 2, 3]]);
  const verified = createVerify("sha256")
    .update(proposal.getProposalBytes_asU8())
    .verify(org1.admin.publicKeyPem, proposal.getSignature_asU8());
  expect(verified).toBe(true);
});

test("signatures have the low S that Fabric demands, whatever the signer gave", async () => {
  const half = 0x7fffffff800000007fffffffffffffffde737d56d38bcf4279dce5617e3192a8n;
  for (let index = 0; index < 16; index++) {
    const bytes = await toSignedEnvelope({
      type: "message",
      channelId: "ch1",
      data: Uint8Array.of(index),
      ...signing,
    });
    const der = Buffer.from(common.Envelope.deserializeBinary(bytes).getSignature_asU8());
    const s = der.subarray(4 + (der[3] ?? 0) + 2);
    expect(BigInt(`0x${s.toString("hex")}`)).toBeLessThanOrEqual(half);
  }
});
