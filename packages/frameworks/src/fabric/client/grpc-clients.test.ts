import { createSign, randomBytes } from "node:crypto";
import {
  Metadata,
  Server,
  ServerCredentials,
  type ServerDuplexStream,
  type ServerUnaryCall,
  type sendUnaryData,
  status,
} from "@grpc/grpc-js";
import { common, gateway, google, orderer, peer } from "@hyperledger/fabric-protos";
import anyPb from "google-protobuf/google/protobuf/any_pb.js";
import { afterEach, beforeEach, expect, test } from "vitest";
import { issueCertificate, newP256Key, toSerialNumber } from "../crypto/index.ts";
import { broadcast } from "./broadcast.ts";
import { createGrpcClients, type GrpcTarget } from "./grpc-clients.ts";
import { Refusal, toRefusedError } from "./refusal.ts";

const random = { bytes: randomBytes };

const certify = async (hosts: readonly string[]) => {
  const ca = newP256Key(random);
  const leaf = newP256Key(random);
  const sign = async (tbs: Uint8Array) => new Uint8Array(createSign("sha256").update(tbs).sign(ca.privateKeyPem));
  const times = { notBefore: new Date(Date.now() - 60_000), notAfter: new Date(Date.now() + 3_600_000) };
  const serial = () => toSerialNumber(randomBytes(16));
  const authority = await issueCertificate({
    subject: { commonName: "ca" },
    publicKey: ca.publicKeyPem,
    isAuthority: true,
    usage: "ca",
    ...times,
    serial: serial(),
    issuer: null,
    sign,
  });
  const own = await issueCertificate({
    subject: { commonName: "node" },
    publicKey: leaf.publicKeyPem,
    isAuthority: false,
    usage: "tls",
    hosts,
    ...times,
    serial: serial(),
    issuer: { pem: authority.pem },
    sign,
  });
  return { rootsPem: authority.pem, certPem: own.pem, keyPem: leaf.privateKeyPem };
};

/** Refuses with details of two peers, as a gateway does; `hang` never answers. */
const toServer = (answers: { hang: boolean }): Server => {
  const server = new Server();
  server.addService(peer.EndorserService, {
    processProposal: (
      _call: ServerUnaryCall<peer.SignedProposal, peer.ProposalResponse>,
      callback: sendUnaryData<peer.ProposalResponse>,
    ) => {
      if (answers.hang) return;
      const detail = new gateway.ErrorDetail();
      detail.setAddress("peer:7051");
      detail.setMspId("Org1MSP");
      detail.setMessage("it is not so");
      const packed = new anyPb.Any();
      packed.pack(detail.serializeBinary(), "gateway.ErrorDetail");
      const full = new google.rpc.Status();
      full.setDetailsList([packed]);
      const metadata = new Metadata();
      metadata.set("grpc-status-details-bin", Buffer.from(full.serializeBinary()));
      callback({ code: status.ABORTED, details: "failed to endorse", metadata });
    },
  });
  server.addService(orderer.AtomicBroadcastService, {
    broadcast: (call: ServerDuplexStream<common.Envelope, orderer.BroadcastResponse>) => {
      call.on("data", () => {
        const answer = new orderer.BroadcastResponse();
        answer.setStatus(common.Status.BAD_REQUEST);
        answer.setInfo("it is stale");
        call.write(answer);
      });
      call.on("end", () => call.end());
    },
    deliver: () => undefined,
  });
  return server;
};

const answers = { hang: false };
let server: Server;
let target: GrpcTarget;
let clients: ReturnType<typeof createGrpcClients>;

beforeEach(async () => {
  answers.hang = false;
  const { rootsPem, certPem, keyPem } = await certify(["localhost", "127.0.0.1"]);
  server = toServer(answers);
  const credentials = ServerCredentials.createSsl(null, [
    { cert_chain: Buffer.from(certPem), private_key: Buffer.from(keyPem) },
  ]);
  const port = await new Promise<number>((resolve, reject) =>
    server.bindAsync("127.0.0.1:0", credentials, (error, bound) => (error === null ? resolve(bound) : reject(error))),
  );
  target = { host: "127.0.0.1", port, rootsPem };
  clients = createGrpcClients({ idleMs: 60_000 });
});

afterEach(() => {
  clients.closeAll();
  server.forceShutdown();
});

const propose = (to: GrpcTarget, timeoutMs = 30_000, signal = new AbortController().signal) =>
  clients.call(to, peer.EndorserService.processProposal, new peer.SignedProposal(), { timeoutMs, signal });

const caught = async (call: Promise<unknown>): Promise<Refusal> => {
  const error: unknown = await call.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!(error instanceof Refusal)) throw new Error(`no refusal: ${String(error)}`);
  return error;
};

test("a refusal carries what each peer said", async () => {
  const refusal = await caught(propose(target));
  expect(refusal).toMatchObject({ status: "ABORTED", isUnreached: false });
  expect(refusal.message).toBe("failed to endorse (Org1MSP at peer:7051: it is not so)");
  expect(toRefusedError("It was not done", refusal)).toMatchObject({
    code: "step.refused",
    message: "It was not done: failed to endorse (Org1MSP at peer:7051: it is not so)",
    retryable: true,
  });
});

test("every call ends: by its deadline, by its signal, without anybody there", async () => {
  // A deadline that passes before there is a connection is another case.
  expect(await clients.isReady(target, 20_000)).toBe(true);
  answers.hang = true;
  expect(await caught(propose(target, 300))).toMatchObject({ status: "DEADLINE_EXCEEDED", isUnreached: true });
  const stop = new AbortController();
  const running = caught(propose(target, 60_000, stop.signal));
  stop.abort();
  expect(await running).toMatchObject({ status: "CANCELLED", isUnreached: true });
  const nobody = { ...target, port: 1 };
  expect(await caught(propose(nobody, 200))).toMatchObject({ isUnreached: true });
  expect(await clients.isReady(nobody, 100)).toBe(false);
});

test("a node is believed only with a certificate of its authority for its host", async () => {
  expect(await clients.isReady(target, 20_000)).toBe(true);
  const foreign = await certify(["localhost", "127.0.0.1"]);
  expect(await clients.isReady({ ...target, rootsPem: foreign.rootsPem }, 500)).toBe(false);
  expect(await clients.isReady({ ...target, serverName: "elsewhere.example" }, 500)).toBe(false);
  expect(await clients.isReady({ ...target, serverName: "localhost" }, 20_000)).toBe(true);
});

test("one connection a node, closed when it is not used", async () => {
  const short = createGrpcClients({ idleMs: 2_000 });
  await Promise.all([short.isReady(target, 20_000), short.isReady(target, 20_000)]);
  expect(short.size()).toBe(1);
  await expect.poll(() => short.size()).toBe(0);
  expect(await short.isReady(target, 20_000)).toBe(true);
  short.closeAll();
  expect(short.size()).toBe(0);
});

test("an orderer's no is a refusal with its reason", async () => {
  const options = { timeoutMs: 20_000, signal: new AbortController().signal };
  const refusal = await caught(broadcast({ clients, target }, new Uint8Array(), options));
  expect(refusal).toMatchObject({ status: "BAD_REQUEST", message: "it is stale", isUnreached: false });
});

test("a node that is gone is not waited for as long as a call may take", async () => {
  const clients = createGrpcClients({ idleMs: 1_000 });
  const gone: GrpcTarget = { host: "127.0.0.1", port: 1, rootsPem: (await certify(["127.0.0.1"])).rootsPem };
  const { signal } = new AbortController();
  const startedAt = performance.now();
  const call = clients.call(gone, peer.EndorserService.processProposal, new peer.SignedProposal(), {
    timeoutMs: 60_000,
    signal,
  });
  await expect(call).rejects.toMatchObject({ status: "UNAVAILABLE", isUnreached: true });
  expect(performance.now() - startedAt).toBeLessThan(40_000);
  clients.closeAll();
});
