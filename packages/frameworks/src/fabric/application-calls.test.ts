import { common, gateway, peer } from "@hyperledger/fabric-protos";
import { describe, expect, it } from "vitest";
import { refuseCall } from "./application-calls.ts";
import { toSignedProposal } from "./config/envelope.ts";

const placeholder = Uint8Array.from([0x30, 6, 2, 1, 1, 2, 1, 1]);

const proposalOf = async (chaincode: string): Promise<peer.Proposal> => {
  const { proposal } = await toSignedProposal({
    ...{ channelId: "main", chaincode, args: ["x"], nonce: new Uint8Array(24), at: new Date(0) },
    identity: { mspId: "Org1MSP", pem: "pem" },
    sign: async () => placeholder,
  });
  return peer.Proposal.deserializeBinary(proposal.getProposalBytes_asU8());
};

const toRequest = (proposal: Uint8Array): Uint8Array => {
  const signed = new peer.SignedProposal();
  signed.setProposalBytes(proposal);
  const request = new gateway.EndorseRequest();
  request.setProposedTransaction(signed);
  return request.serializeBinary();
};

/** An empty submessage behind the full one: Go merges the two, JavaScript's decoder forgets the first. */
const emptyChaincodeId = Uint8Array.from([0x12, 0]);
const emptyInvocation = Uint8Array.from([0x0a, 2, 0x12, 0]);
const join = (...parts: Uint8Array[]): Uint8Array => new Uint8Array(Buffer.concat(parts));

describe("a proposal", () => {
  it.each(["_lifecycle", "cscc"])("for %s is refused however often its name is said", async (chaincode) => {
    const proposal = await proposalOf(chaincode);
    const header = common.Header.deserializeBinary(proposal.getHeader_asU8());
    const channel = common.ChannelHeader.deserializeBinary(header.getChannelHeader_asU8());
    channel.setExtension$(join(channel.getExtension_asU8(), emptyChaincodeId));
    header.setChannelHeader(channel.serializeBinary());
    proposal.setHeader(header.serializeBinary());
    const payload = peer.ChaincodeProposalPayload.deserializeBinary(proposal.getPayload_asU8());
    payload.setInput(join(payload.getInput_asU8(), emptyInvocation));
    proposal.setPayload(payload.serializeBinary());
    for (const method of ["gateway.Gateway/Endorse", "gateway.Gateway/Evaluate"])
      expect(refuseCall(method, toRequest(proposal.serializeBinary()))).toContain(chaincode);
  });

  it("is refused where the header names another chaincode than the invocation", async () => {
    const proposal = await proposalOf("basic");
    proposal.setHeader((await proposalOf("_lifecycle")).getHeader_asU8());
    expect(refuseCall("gateway.Gateway/Endorse", toRequest(proposal.serializeBinary()))).toContain("_lifecycle");
    expect(refuseCall("gateway.Gateway/Endorse", toRequest((await proposalOf("basic")).serializeBinary()))).toBeNull();
  });
});

describe("what is submitted", () => {
  const headerOf = (type: number): Uint8Array => {
    const channel = new common.ChannelHeader();
    channel.setType(type);
    channel.setChannelId("main");
    return channel.serializeBinary();
  };
  const submit = (channelHeader: Uint8Array, more: Uint8Array = new Uint8Array()): string | null => {
    const header = new common.Header();
    header.setChannelHeader(channelHeader);
    const payload = new common.Payload();
    payload.setHeader(header);
    payload.setData("data");
    const envelope = new common.Envelope();
    envelope.setPayload(join(payload.serializeBinary(), more));
    const request = new gateway.SubmitRequest();
    request.setPreparedTransaction(envelope);
    return refuseCall("gateway.Gateway/Submit", request.serializeBinary());
  };
  const { CONFIG, CONFIG_UPDATE, ENDORSER_TRANSACTION, MESSAGE } = common.HeaderType;

  it("is a transaction, never an update of the channel that an administrator signed", () => {
    expect(submit(headerOf(ENDORSER_TRANSACTION))).toBeNull();
    for (const type of [CONFIG_UPDATE, CONFIG, MESSAGE]) expect(submit(headerOf(type))).toContain("channels");
    // A number of 64 bits of which an int32 keeps the lower half.
    expect(submit(Uint8Array.from([0x08, 0x82, 0x80, 0x80, 0x80, 0x10]))).toContain("channels");
  });

  it("is one in every one of its headers", () => {
    const second = (type: number): Uint8Array => {
      const header = new common.Header();
      header.setChannelHeader(headerOf(type));
      const bytes = header.serializeBinary();
      return join(Uint8Array.from([0x0a, bytes.length]), bytes);
    };
    expect(submit(headerOf(ENDORSER_TRANSACTION), second(ENDORSER_TRANSACTION))).toBeNull();
    expect(submit(headerOf(ENDORSER_TRANSACTION), second(CONFIG_UPDATE))).toContain("channels");
    expect(submit(headerOf(CONFIG_UPDATE), second(ENDORSER_TRANSACTION))).toContain("channels");
  });

  it("can be read, and has a header", () => {
    expect(refuseCall("gateway.Gateway/Submit", new Uint8Array())).toContain("channels");
    expect(refuseCall("gateway.Gateway/Submit", Uint8Array.from([0x1a, 0x7f, 1]))).toContain("can't be read");
  });
});
