import { randomBytes, sign } from "node:crypto";
import { once } from "node:events";
import { constants, createSecureServer, type ServerHttp2Session, type ServerHttp2Stream } from "node:http2";
import type { AddressInfo } from "node:net";
import { issueCertificate, newP256Key, toSerialNumber } from "@portolan/frameworks/certificates";
import { toFrame } from "../src/protocols/grpc-frames.ts";

const random = { bytes: (size: number) => randomBytes(size) };

/** An authority and a certificate for 127.0.0.1 that it signed. */
export const makeNodeCertificate = async () => {
  const authority = newP256Key(random);
  const leaf = newP256Key(random);
  const common = {
    notBefore: new Date(Date.now() - 60_000),
    notAfter: new Date(Date.now() + 3_600_000),
    sign: async (tbs: Uint8Array) => sign("sha256", tbs, authority.privateKeyPem),
  };
  const ca = await issueCertificate({
    ...common,
    subject: { commonName: "nodes" },
    publicKey: authority.publicKeyPem,
    isAuthority: true,
    usage: "ca",
    serial: toSerialNumber(randomBytes(16)),
    issuer: null,
  });
  const cert = await issueCertificate({
    ...common,
    subject: { commonName: "node" },
    publicKey: leaf.publicKeyPem,
    isAuthority: false,
    usage: "tls",
    hosts: ["127.0.0.1", "node.internal"],
    serial: toSerialNumber(randomBytes(16)),
    issuer: { pem: ca.pem },
  });
  return { ca: ca.pem, cert: cert.pem, key: leaf.privateKeyPem };
};

export type NodeCertificate = Awaited<ReturnType<typeof makeNodeCertificate>>;

const readMessages = (bytes: Buffer): Buffer[] => {
  const messages: Buffer[] = [];
  for (let at = 0; at + 5 <= bytes.length; ) {
    const length = bytes.readUInt32BE(at + 1);
    messages.push(bytes.subarray(at + 5, at + 5 + length));
    at += 5 + length;
  }
  return messages;
};

/**
 * A gRPC node that counts what it answers. `test.Fake/…`: `Echo` answers its message, `Fail` status 10 with details,
 * `Slow` after 400 ms, `Never` not at all, `Large` a megabyte, `Huge` announces too much, `Die` ends its connection in
 * mid-answer, `Refuse` resets the stream before it looks, `Down` says UNAVAILABLE; `Count` streams a message every 5 ms
 * without end, `Flood` as fast as it is read, `Chat` answers each message at once.
 */
export const startFakeGrpcNode = async (certificate: NodeCertificate, port = 0) => {
  const answered = new Map<string, number>();
  const headersSeen: object[] = [];
  let cancelled = 0;
  let started = 0;
  let flooded = 0;
  const sessions = new Set<ServerHttp2Session>();
  const server = createSecureServer({ cert: certificate.cert, key: certificate.key, ALPNProtocols: ["h2"] });
  const finish = (stream: ServerHttp2Stream, trailers: object, messages: readonly Buffer[]): void => {
    stream.respond({ ":status": 200, "content-type": "application/grpc" }, { waitForTrailers: true });
    stream.once("wantTrailers", () => stream.sendTrailers({ ...trailers }));
    for (const message of messages) stream.write(toFrame(message));
    stream.end();
  };
  const count = (method: string): void => {
    answered.set(method, (answered.get(method) ?? 0) + 1);
  };
  const answer = (method: string, stream: ServerHttp2Stream, messages: Buffer[]): void => {
    const [message = Buffer.alloc(0)] = messages;
    switch (method) {
      case "Echo":
        count(method);
        finish(stream, { "grpc-status": "0" }, [message]);
        return;
      case "Fail":
        count(method);
        finish(stream, { "grpc-status": "10", "grpc-message": "conflict", "grpc-status-details-bin": "CAoSA2Fi" }, []);
        return;
      case "Slow":
        setTimeout(() => {
          if (stream.destroyed) return;
          count(method);
          finish(stream, { "grpc-status": "0" }, [message]);
        }, 400);
        return;
      case "Large":
        count(method);
        finish(stream, { "grpc-status": "0" }, [Buffer.alloc(1_048_576, 7)]);
        return;
      case "Huge": {
        stream.respond({ ":status": 200, "content-type": "application/grpc" });
        stream.write(Buffer.from([0, 0x7f, 0xff, 0xff, 0xff, 1, 2, 3]));
        return;
      }
      case "Die":
        stream.respond({ ":status": 200, "content-type": "application/grpc" });
        stream.write(Buffer.from([0, 0, 0, 0, 9, 1]));
        setTimeout(() => stream.session?.destroy(), 10);
        return;
      case "Refuse":
        stream.close(constants.NGHTTP2_REFUSED_STREAM);
        return;
      case "Down":
        stream.respond(
          { ":status": 200, "content-type": "application/grpc", "grpc-status": "14" },
          { endStream: true },
        );
        return;
      default:
    }
  };
  const runStream = (method: string, stream: ServerHttp2Stream): void => {
    stream.respond({ ":status": 200, "content-type": "application/grpc" }, { waitForTrailers: true });
    stream.once("wantTrailers", () => stream.sendTrailers({ "grpc-status": "0" }));
    if (method === "Chat") {
      stream.on("data", (chunk: Buffer) => {
        for (const message of readMessages(chunk)) {
          count(method);
          stream.write(toFrame(message));
        }
      });
      stream.on("end", () => stream.end());
    } else if (method === "Count") {
      let sent = 0;
      const timer = setInterval(() => {
        count(method);
        stream.write(toFrame(Buffer.from(String(sent++))));
      }, 5);
      stream.once("close", () => clearInterval(timer));
    } else {
      const flood = (): void => {
        while (!stream.destroyed) {
          flooded += 65_536;
          if (!stream.write(toFrame(Buffer.alloc(65_531)))) break;
        }
        stream.once("drain", flood);
      };
      flood();
    }
  };
  server.on("session", (session) => {
    sessions.add(session);
    session.on("error", () => undefined);
    session.once("close", () => sessions.delete(session));
  });
  server.on("stream", (stream, headers) => {
    started += 1;
    headersSeen.push(headers);
    stream.on("error", () => undefined);
    stream.once("close", () => {
      if (stream.rstCode === constants.NGHTTP2_CANCEL) cancelled += 1;
    });
    const method = (headers[":path"] ?? "").split("/")[2] ?? "";
    if (["Chat", "Count", "Flood"].includes(method)) {
      runStream(method, stream);
      return;
    }
    const chunks: Buffer[] = [];
    stream.on("data", (chunk: Buffer) => chunks.push(chunk));
    stream.on("end", () => answer(method, stream, readMessages(Buffer.concat(chunks))));
  });
  server.listen(port, "127.0.0.1");
  await once(server, "listening");
  return {
    answered,
    headersSeen,
    port: (server.address() as AddressInfo).port,
    cancelled: () => cancelled,
    started: () => started,
    flooded: () => flooded,
    kill: (): Promise<void> =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const session of sessions) session.destroy();
      }),
  };
};

export type FakeGrpcNode = Awaited<ReturnType<typeof startFakeGrpcNode>>;
