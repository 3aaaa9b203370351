import { type ChildProcess, spawn } from "node:child_process";
import { writeFileSync } from "node:fs";
import { createServer as createHttpServer } from "node:http";
import { connect as connectTcp, createServer as createTcpServer, type Server, type Socket } from "node:net";
import { join } from "node:path";
import { connect, createServer as createTlsServer, type TLSSocket } from "node:tls";
import { fileURLToPath } from "node:url";
import { createGuardedForwarder, createPermits, type GuardedForwarder } from "@portolan/kit";
import { freePort, temporaryDirectory } from "@portolan/testing";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { askRelay } from "../src/fabric/client/relay-status.ts";
import { createTestNetwork, type TestCertificate, type TestNetwork } from "./fabric-test-network.ts";

const script = fileURLToPath(new URL("../src/fabric/assets/chaincode-relay.mjs", import.meta.url));
const permits = createPermits(Buffer.alloc(32, 3));
const signal = new AbortController().signal;

let network: TestNetwork;
let nodeTls: TestCertificate;
let forwarder: GuardedForwarder;
let careful: GuardedForwarder;
const log = { warn: () => undefined };
beforeAll(async () => {
  network = await createTestNetwork({ consensus: "raft", orderers: 1, organisations: 2 });
  const [own] = network.organisations;
  if (own === undefined) throw new Error("no organisation");
  nodeTls = await network.issue({ commonName: "node", usage: "tls", issuer: own.tlsCa, hosts: ["127.0.0.1"] });
  forwarder = await createGuardedForwarder({ networks: [], log, tunnels: { permits, allowPrivate: true } });
  careful = await createGuardedForwarder({ networks: [], log, tunnels: { permits } });
});

const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});
afterAll(async () => {
  await forwarder.close();
  await careful.close();
});

const keep = (server: Server): Promise<number> =>
  new Promise((resolve) => {
    const sockets = new Set<Socket>();
    server.on("connection", (socket: Socket) => sockets.add(socket));
    closing.push(() => {
      for (const socket of sockets) socket.destroy();
      server.close();
    });
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      resolve(typeof address === "object" && address !== null ? address.port : 0);
    });
  });

const quiet = <Some extends Socket>(socket: Some): Some => socket.on("error", () => undefined);
const echo = (): Promise<number> => keep(createTcpServer((socket) => quiet(socket).pipe(socket)));

/** A server of the customer's, with a certificate for these hosts of an authority that only the customer knows. */
const secureEcho = async (hosts: string[]): Promise<number> => {
  const tls = await network.issue({ commonName: "cc", usage: "tls", issuer: network.ordererOrg.tlsCa, hosts });
  const options = { cert: tls.pem, key: tls.privateKeyPem, ALPNProtocols: ["h2"] };
  const server = createTlsServer(options, (socket) => {
    quiet(socket).write(`${socket.alpnProtocol} `);
    socket.pipe(socket);
  });
  server.on("tlsClientError", () => undefined);
  return keep(server);
};

const start = async (address: string, more: { [name: string]: string } = {}) => {
  const directory = temporaryDirectory("relay");
  const file = (name: string, text: string): string => {
    writeFileSync(join(directory, name), text);
    return join(directory, name);
  };
  const [port, statusPort] = [await freePort(), await freePort()];
  const { ROOT, ...rest } = more;
  const relay: ChildProcess = spawn(process.execPath, [script], {
    stdio: ["ignore", "pipe", "pipe"],
    env: {
      RELAY_ADDRESS: address,
      RELAY_FORWARDER: forwarder.url,
      RELAY_PERMIT: permits.issue("chn_a", address),
      RELAY_HOST: "127.0.0.1",
      RELAY_PORT: String(port),
      RELAY_STATUS_HOST: "127.0.0.1",
      RELAY_STATUS_PORT: String(statusPort),
      RELAY_CERTIFICATE_FILE: file("server.crt", nodeTls.pem),
      RELAY_KEY_FILE: file("server.key", nodeTls.privateKeyPem),
      ...(ROOT === undefined ? {} : { RELAY_ROOT_FILE: file("root.crt", ROOT) }),
      ...rest,
    },
  });
  let output = "";
  for (const stream of [relay.stdout, relay.stderr])
    stream?.setEncoding("utf8").on("data", (chunk: string) => {
      output += chunk;
    });
  const ended = new Promise<number | null>((resolve) => relay.once("exit", resolve));
  closing.push(async () => {
    relay.kill("SIGTERM");
    await ended;
  });
  await expect.poll(() => output, { timeout: 60_000 }).toContain("peers reach");
  return {
    output: () => output,
    problem: async () => (await askRelay({ host: "127.0.0.1", port: statusPort }, signal))?.problem,
    stop: () => relay.kill("SIGTERM"),
    ended,
    /** As whoever only looks whether the port is open. */
    touch: (): Socket => quiet(connectTcp(port, "127.0.0.1")),
    /** As a peer connects: verified for the address that it dials. */
    open: (): Promise<TLSSocket> =>
      new Promise((resolve, reject) => {
        const ca = network.organisations[0]?.tlsCa.pem ?? "";
        const socket: TLSSocket = connect({ host: "127.0.0.1", port, ca, ALPNProtocols: ["h2"] }, () =>
          resolve(socket),
        );
        socket.once("error", reject);
        closing.push(() => socket.destroy());
      }),
  };
};

const say = async (socket: TLSSocket, text: string, length = text.length): Promise<string> => {
  socket.on("error", () => undefined).write(text);
  let heard = "";
  for await (const chunk of socket) {
    heard += String(chunk);
    if (heard.length >= length) break;
  }
  return heard;
};

test("a peer's bytes reach the customer's server, and the answer comes back; who says nothing opens nothing", async () => {
  let connections = 0;
  const port = await keep(
    createTcpServer((socket) => {
      connections += 1;
      quiet(socket).pipe(socket);
    }),
  );
  const relay = await start(`127.0.0.1:${port}`);
  const probe = relay.touch();
  const peer = await relay.open();
  expect(peer.alpnProtocol).toBe("h2");
  expect(await say(peer, "PRI * HTTP/2.0")).toBe("PRI * HTTP/2.0");
  probe.destroy();
  expect(connections).toBe(1);
  expect(await relay.problem()).toBeNull();
  expect(relay.output()).toContain("is not encrypted");
});

test("with a root certificate the customer's server is verified, by the name that was given", async () => {
  const root = network.ordererOrg.tlsCa.pem;
  const relay = await start(`localhost:${await secureEcho(["localhost"])}`, { ROOT: root });
  expect(await say(await relay.open(), "hello", 8)).toBe("h2 hello");
  expect(relay.output()).not.toContain("is not encrypted");

  const otherName = await start(`localhost:${await secureEcho(["cc.example.com"])}`, { ROOT: root });
  await expect(otherName.open()).rejects.toThrow();
  expect((await otherName.problem())?.message).toContain("ERR_TLS_CERT_ALTNAME_INVALID");

  const foreignRoot = network.organisations[1]?.tlsCa.pem ?? "";
  const foreign = await start(`localhost:${await secureEcho(["localhost"])}`, { ROOT: foreignRoot });
  await expect(foreign.open()).rejects.toThrow();
  expect((await foreign.problem())?.message).toMatch(/no TLS with it \((SELF_SIGNED|UNABLE)/);
});

test("what stands in the way is said, in the status and once in the log", async () => {
  const silent = await start("127.0.0.1:1");
  for (let count = 0; count < 3; count++) await expect(silent.open()).rejects.toThrow();
  expect(await silent.problem()).toMatchObject({
    code: "chaincode.unreachable",
    message: "nobody listens there (connection refused)",
  });
  expect(silent.output().match(/no connection to/g)).toHaveLength(1);

  const inside = await start(`127.0.0.1:${await echo()}`, { RELAY_FORWARDER: careful.url });
  await expect(inside.open()).rejects.toThrow();
  expect(await inside.problem()).toMatchObject({ code: "address.forbidden" });

  const foreign = await start("127.0.0.1:1", { RELAY_PERMIT: permits.issue("chn_a", "127.0.0.1:2") });
  await expect(foreign.open()).rejects.toThrow();
  expect((await foreign.problem())?.message).toContain("the way out does not know this address");

  const closed = await start("127.0.0.1:1", { RELAY_FORWARDER: `http://127.0.0.1:${await freePort()}` });
  await expect(closed.open()).rejects.toThrow();
  expect((await closed.problem())?.message).toContain("comes back with the region's worker");
});

test("however often peers try, few lines are said: each trouble once, and closed connections up to a bound", async () => {
  const reasons = ["ENOTFOUND", "EAI_AGAIN"];
  let asked = 0;
  const wayOut = createHttpServer().on("connect", (_request, socket) => {
    quiet(socket as Socket).end(
      `HTTP/1.1 502 Bad Gateway\r\nportolan-reason: ${reasons[asked++ % 2]}\r\ncontent-length: 0\r\n\r\n`,
    );
  });
  const lost = await start("cc.example:1", { RELAY_FORWARDER: `http://127.0.0.1:${await keep(wayOut)}` });
  for (let count = 0; count < 8; count++) await expect(lost.open()).rejects.toThrow();
  expect(asked).toBe(8);
  expect(lost.output().match(/no connection to/g)).toHaveLength(2);

  const flapping = await start(`127.0.0.1:${await echo()}`);
  for (let count = 0; count < 40; count++) await say(await flapping.open(), "x");
  await expect.poll(() => flapping.output().match(/closed a connection/g)?.length).toBe(20);
});

test("it ends at SIGTERM with connections open", async () => {
  const relay = await start(`127.0.0.1:${await echo()}`);
  await say(await relay.open(), "x");
  relay.stop();
  expect(await relay.ended).toBe(0);
});
