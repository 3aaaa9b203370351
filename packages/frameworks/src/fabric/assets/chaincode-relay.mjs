// Stands in the network for a chaincode server at the customer's own address: peers connect to it as to any chaincode
// node, and it hands their bytes on through the worker's guarded forwarder, which dials the address. It ends the peers'
// TLS with the node's certificate (peers verify the name of what they dial) and begins another one to the customer,
// verified by the customer's root certificate and host name. One file without dependencies, because it is shipped into
// the node as it stands. Run by Node 24, told all by its environment.
import { readFileSync } from "node:fs";
import { createServer as createHttpServer, request } from "node:http";
import { createServer, isIP } from "node:net";
import { connect as connectTls, createServer as createTlsServer } from "node:tls";

const { env } = process;
const required = (name) => {
  const value = env[name];
  if (value) return value;
  console.error(`chaincode-relay needs ${name}`);
  return process.exit(2);
};
const address = required("RELAY_ADDRESS");
const forwarder = env.RELAY_FORWARDER ? new URL(env.RELAY_FORWARDER) : undefined;
const root = env.RELAY_ROOT_FILE ? readFileSync(env.RELAY_ROOT_FILE) : undefined;
const host = address.slice(0, address.lastIndexOf(":"));

const maxConnections = 32;
const openTimeoutMs = 15_000;
/** gRPC's pings come each minute. */
const idleMs = 300_000;
/** The same trouble is said once in a while only, and so many lines at most: peers try again and again. */
const repeatMs = 30_000;
const maxLines = 20;

const status = {
  address,
  isTls: root !== undefined,
  open: 0,
  opened: 0,
  sentBytes: 0,
  receivedBytes: 0,
  problem: null,
};
const sockets = new Set();
/** When each trouble was said last. */
const said = new Map();

let lines = { from: 0, written: 0, left: 0 };
const say = (write, text) => {
  const now = Date.now();
  if (now - lines.from >= repeatMs) {
    if (lines.left > 0) console.log(`${lines.left} lines were left out`);
    lines = { from: now, written: 0, left: 0 };
  }
  if (lines.written >= maxLines) {
    lines.left += 1;
    return;
  }
  lines.written += 1;
  write(text);
};

const fail = (code, message) => {
  status.problem = { code, message, at: new Date().toISOString() };
  if (Date.now() - (said.get(message) ?? 0) < repeatMs) return;
  if (said.size >= maxLines) said.clear();
  said.set(message, Date.now());
  say(console.error, `no connection to ${address}: ${message}`);
};
const problem = (code, message) => Object.assign(new Error(message), { relayCode: code });

const reasons = {
  ECONNREFUSED: "nobody listens there (connection refused)",
  ETIMEDOUT: "there was no answer in time",
  ENOTFOUND: "there is no such name",
  EAI_AGAIN: "the name could not be looked up",
  EHOSTUNREACH: "there is no way to it",
  ENETUNREACH: "there is no way to it",
};
const refusals = {
  403: ["address.forbidden", "the address may not be used: it is, or its name stands for, a private or local one"],
  407: ["chaincode.unreachable", "the way out does not know this address; it will when the node is started anew"],
  503: ["chaincode.unreachable", "too many connections are open at once"],
};

/** A connection to the customer's address, made by the forwarder. */
const openTunnel = () =>
  new Promise((resolve, reject) => {
    if (forwarder === undefined) {
      reject(problem("chaincode.unreachable", "the operator offers no way out for chaincode at other addresses"));
      return;
    }
    const outgoing = request({
      host: forwarder.hostname,
      port: forwarder.port,
      method: "CONNECT",
      path: address,
      headers: { "proxy-authorization": `Permit ${env.RELAY_PERMIT}` },
      agent: false,
      timeout: openTimeoutMs,
    });
    outgoing.once("connect", (answer, socket, head) => {
      if (answer.statusCode === 200) {
        if (head.length > 0) socket.unshift(head);
        socket.setTimeout(0);
        resolve(socket);
        return;
      }
      socket.destroy();
      const reason = String(answer.headers["portolan-reason"] ?? "failed");
      const [code, message] = refusals[answer.statusCode] ?? ["chaincode.unreachable", reasons[reason] ?? reason];
      reject(problem(code, message));
    });
    outgoing.once("timeout", () => outgoing.destroy(new Error("timeout")));
    outgoing.once("error", () =>
      reject(problem("chaincode.unreachable", "the way out is closed; it comes back with the region's worker")),
    );
    outgoing.end();
  });

const openTls = (socket) =>
  new Promise((resolve, reject) => {
    const secure = connectTls({
      socket,
      host,
      ...(isIP(host) === 0 ? { servername: host } : {}),
      ca: root,
      minVersion: "TLSv1.2",
      ALPNProtocols: ["h2"],
    });
    const timer = setTimeout(() => secure.destroy(new Error("timeout")), openTimeoutMs);
    const onEnd = (error) => {
      clearTimeout(timer);
      socket.destroy();
      reject(problem("chaincode.unreachable", `no TLS with it (${error?.code ?? error?.message ?? "closed"})`));
    };
    secure.once("error", onEnd);
    secure.once("close", onEnd);
    secure.once("secureConnect", () => {
      clearTimeout(timer);
      secure.off("error", onEnd).off("close", onEnd);
      resolve(secure);
    });
  });

const openUpstream = async () => {
  const tunnel = await openTunnel();
  return root === undefined ? tunnel : openTls(tunnel);
};

/** Both ends live and die together. */
const join = (peer, upstream) => {
  status.open += 1;
  status.opened += 1;
  let sent = 0;
  let received = 0;
  let isOver = false;
  const end = () => {
    if (isOver) return;
    isOver = true;
    peer.destroy();
    upstream.destroy();
    status.open -= 1;
    if (received === 0)
      fail("chaincode.unreachable", "it closes the connection at once; is it TLS that it wants, or not?");
    say(console.log, `closed a connection to ${address}: ${sent} bytes sent, ${received} received`);
  };
  for (const side of [peer, upstream]) {
    side.setTimeout(idleMs, end);
    side.once("error", end);
    side.once("close", end);
  }
  peer.on("data", (chunk) => {
    sent += chunk.length;
    status.sentBytes += chunk.length;
  });
  upstream.on("data", (chunk) => {
    if (received === 0) {
      status.problem = null;
      said.clear();
    }
    received += chunk.length;
    status.receivedBytes += chunk.length;
  });
  peer.pipe(upstream);
  upstream.pipe(peer);
};

const waiting = new Map();

const tlsServer = createTlsServer(
  {
    cert: readFileSync(required("RELAY_CERTIFICATE_FILE")),
    key: readFileSync(required("RELAY_KEY_FILE")),
    minVersion: "TLSv1.2",
    ALPNProtocols: ["h2"],
    handshakeTimeout: 10_000,
  },
  (peer) => {
    const key = keyOf(peer);
    const upstream = waiting.get(key);
    waiting.delete(key);
    if (upstream === undefined || upstream.destroyed) peer.destroy();
    else join(peer, upstream);
  },
);
tlsServer.on("tlsClientError", () => undefined);
const keyOf = (socket) => `${socket.remoteAddress} ${socket.remotePort}`;

/**
 * The customer's server is dialled before the peer's handshake is answered. A peer takes a connection that ends within
 * its handshake for a failure, and one that ends after it for a reason to try again for ten seconds.
 */
const server = createServer((socket) => {
  sockets.add(socket);
  socket.once("close", () => sockets.delete(socket));
  socket.on("error", () => socket.destroy());
  socket.setTimeout(openTimeoutMs * 2, () => socket.destroy());
  // Who says nothing only looks whether the port is open.
  socket.once("readable", async () => {
    if (socket.destroyed || socket.readableLength === 0) return;
    try {
      const upstream = await openUpstream();
      sockets.add(upstream);
      upstream.once("close", () => sockets.delete(upstream));
      upstream.on("error", () => upstream.destroy());
      if (socket.destroyed) {
        upstream.destroy();
        return;
      }
      const key = keyOf(socket);
      waiting.set(key, upstream);
      socket.once("close", () => {
        waiting.delete(key);
        upstream.destroy();
      });
      socket.setTimeout(0);
      tlsServer.emit("connection", socket);
    } catch (error) {
      fail(error.relayCode ?? "chaincode.unreachable", error.message);
      socket.resetAndDestroy();
    }
  });
});
server.maxConnections = maxConnections;

const statusServer = createHttpServer((incoming, answer) => {
  const isStatus = incoming.method === "GET" && incoming.url === "/status";
  answer.writeHead(isStatus ? 200 : 404, { "content-type": "application/json" });
  answer.end(isStatus ? JSON.stringify(status) : "{}");
});

const stop = () => {
  for (const socket of sockets) socket.destroy();
  process.exit(0);
};
process.once("SIGTERM", stop).once("SIGINT", stop);

const onFailure = (error) => {
  console.error(`chaincode-relay can't listen: ${error.message}`);
  process.exit(1);
};
server.once("error", onFailure);
statusServer.once("error", onFailure);
server.listen(Number(required("RELAY_PORT")), required("RELAY_HOST"), () => {
  statusServer.listen(Number(required("RELAY_STATUS_PORT")), required("RELAY_STATUS_HOST"), () => {
    console.log(`peers reach ${address} through this node`);
    if (root === undefined)
      console.warn(`the connection to ${address} is not encrypted: no root certificate was given`);
  });
});
