import { randomBytes } from "node:crypto";
import { common, gateway, peer } from "@hyperledger/fabric-protos";
import { seededRandom } from "@portolan/testing";
import { expect, it } from "vitest";
import type { RestContext, RestRequest } from "../../rest-protocol.ts";
import { issueCertificate, newP256Key, toSerialNumber } from "../crypto/index.ts";
import { fabricRest } from "./rest.ts";

const context = (more: Partial<RestContext> = {}): RestContext => ({
  chainId: "chn_1",
  facts: {},
  now: () => new Date("2026-01-01T00:00:00Z"),
  random: (size) => new Uint8Array(randomBytes(size)),
  signal: new AbortController().signal,
  unary: () => Promise.reject(new Error("no node is asked")),
  serverStream: () => {
    throw new Error("no node is asked");
  },
  identity: async () => ({
    partId: "idn_1",
    facts: { mspId: "Org1MSP", pem: "-" },
    sign: async () => Uint8Array.from([0x30, 6, 2, 1, 1, 2, 1, 1]),
  }),
  ...more,
});

const ask = (route: string, more: Partial<RestRequest>, given = context()) =>
  fabricRest.handle(
    { route, params: { channel: "main", chaincode: "basic" }, query: { identity: "alice" }, body: null, ...more },
    given,
  );

const makeCertificate = async (notAfter: Date): Promise<string> => {
  const random = seededRandom("rest");
  const key = newP256Key(random);
  const { pem } = await issueCertificate({
    subject: { commonName: "alice" },
    publicKey: key.publicKeyPem,
    issuer: null,
    serial: toSerialNumber(random.bytes(16)),
    notBefore: new Date("2025-01-01T00:00:00Z"),
    notAfter,
    isAuthority: false,
    usage: "identity",
    sign: async () => Uint8Array.from([0x30, 6, 2, 1, 1, 2, 1, 1]),
  });
  return pem;
};
const valid = new Date("2027-01-01T00:00:00Z");
const past = new Date("2025-12-31T23:59:59Z");

it("a proposal is prepared for a certificate only", async () => {
  const body = { function: "read", mspId: "Org1MSP" };
  const pem = await makeCertificate(valid);
  expect(await ask("transactions.prepare", { body: { ...body, certificate: pem } })).toMatchObject({ status: 200 });
  for (const certificate of ["-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n", "nothing"])
    await expect(ask("transactions.prepare", { body: { ...body, certificate } })).rejects.toMatchObject({
      code: "request.invalid",
      message: "certificate: must be a certificate, PEM",
      hint: expect.stringContaining("one PEM block"),
    });
});

it("with a certificate that has expired no node is asked: it is said at once", async () => {
  const pem = await makeCertificate(past);
  const expired = context({
    identity: async () => ({ partId: "idn_1", facts: { mspId: "Org1MSP", pem }, sign: async () => new Uint8Array() }),
  });
  const call = { identity: "alice", function: "read" };
  const asked: [string, unknown][] = [
    ["transactions.evaluate", call],
    ["transactions.submit", call],
    ["events.stream", null],
    ["blocks.height", null],
    ["transactions.prepare", { function: "read", mspId: "Org1MSP", certificate: pem }],
  ];
  for (const [route, body] of asked)
    await expect(ask(route, { body }, expired), route).rejects.toMatchObject({
      code: "identity.expired",
      message: "The identity's certificate expired at 2025-12-31T23:59:59.000Z.",
      hint: expect.stringContaining("new request"),
    });
});

it("a transaction whose creator can't be read is the caller's mistake", async () => {
  const id = new peer.ChaincodeID();
  id.setName("basic");
  const extension = new peer.ChaincodeHeaderExtension();
  extension.setChaincodeId(id);
  const channel = new common.ChannelHeader();
  channel.setType(common.HeaderType.ENDORSER_TRANSACTION);
  channel.setChannelId("main");
  channel.setExtension$(extension.serializeBinary());
  const signature = new common.SignatureHeader();
  signature.setCreator(Uint8Array.from([0xff, 0xff, 0xff]));
  const header = new common.Header();
  header.setChannelHeader(channel.serializeBinary());
  header.setSignatureHeader(signature.serializeBinary());
  const payload = new common.Payload();
  payload.setHeader(header);
  const transaction = Buffer.from(payload.serializeBinary()).toString("base64");
  const body = { transaction, signature: "MAYCAQECAQE=", wait: "none" };
  await expect(ask("transactions.send", { body })).rejects.toMatchObject({ code: "request.invalid" });
});

it("a chaincode's event of the name that the stream's own end has is told from it", async () => {
  const toEvent = (name: string): peer.ChaincodeEvent => {
    const event = new peer.ChaincodeEvent();
    event.setEventName(name);
    event.setTxId("ab");
    return event;
  };
  const message = new gateway.ChaincodeEventsResponse();
  message.setBlockNumber(7);
  message.setEventsList([toEvent("Created"), toEvent("error")]);
  async function* serverStream() {
    yield message.serializeBinary();
  }
  const answer = await ask("events.stream", {}, context({ serverStream }));
  if (answer.kind !== "events") throw new Error("no events");
  const seen = [];
  for await (const { name, data } of answer.events) seen.push([name, (data as { name: string }).name]);
  expect(seen).toEqual([
    ["Created", "Created"],
    ["message", "error"],
  ]);
});
