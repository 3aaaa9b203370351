import { createServer, type Server } from "node:net";
import { createServer as createTlsServer } from "node:tls";
import { expect, onTestFinished, test } from "vitest";
import { makeSelfSigned } from "../../test/self-signed.ts";
import { ask } from "./probe.ts";

const listen = async (server: Server): Promise<number> => {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => void server.close());
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  return address.port;
};
const probe = { kind: "tls", port: "grpc", periodMs: 1_000, timeoutMs: 500, startupMs: 1_000 } as const;
const patient = { ...probe, timeoutMs: 20_000 } as const;

test("a TLS probe ends its handshake, so that it is no error in the server's log", async () => {
  const said: string[] = [];
  const server = createTlsServer({ ...(await makeSelfSigned()), ALPNProtocols: ["h2"] }, (socket) => {
    said.push("connected");
    socket.on("error", () => said.push("error"));
    socket.once("close", () => said.push("closed"));
    socket.resume();
  });
  server.on("tlsClientError", (error) => said.push(error.message));
  const port = await listen(server);
  for (let count = 0; count < 5; count++) expect(await ask(patient, "127.0.0.1", port)).toBe(true);
  await expect.poll(() => said.length).toBe(10);
  expect(new Set(said)).toEqual(new Set(["connected", "closed"]));
});

test("what listens but does not serve TLS, and what says nothing, is not well", async () => {
  const plain = createServer((socket) => void socket.end("hello\n"));
  const silent = createServer((socket) => void socket.on("error", () => undefined));
  const unused = createServer();
  const closed = await listen(unused);
  unused.close();
  const startedAt = performance.now();
  expect(await ask(patient, "127.0.0.1", await listen(plain))).toBe(false);
  expect(await ask(patient, "127.0.0.1", closed)).toBe(false);
  expect(await ask(probe, "127.0.0.1", await listen(silent))).toBe(false);
  expect(performance.now() - startedAt).toBeLessThan(20_000);
});
