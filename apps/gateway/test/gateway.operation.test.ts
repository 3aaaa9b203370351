import { mkdirSync, mkdtempSync, readdirSync, rmSync, statSync } from "node:fs";
import { connect, createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { eventually, startGateway } from "./harness.ts";
import { edgeKey, edgeRoute } from "./memory-edge.ts";

const read = '{"jsonrpc":"2.0","id":1,"method":"read"}';

describe("a gateway in operation", () => {
  it("refuses a revoked key within a second, under load", async () => {
    const gateway = await startGateway();
    try {
      let revokedAt = 0;
      let lastAccepted = 0;
      let refused = 0;
      const client = async (): Promise<void> => {
        while (refused < 50) {
          const startedAt = performance.now();
          const { status } = await gateway.post(read);
          if (status === 200) lastAccepted = Math.max(lastAccepted, startedAt);
          else refused += 1;
        }
      };
      const clients = Array.from({ length: 8 }, client);
      await eventually(() => lastAccepted > 0);
      revokedAt = performance.now();
      gateway.edge.change({ kind: "key", key: edgeKey(gateway.secret, { version: "2", isRevoked: true }) });
      await Promise.all(clients);
      expect(lastAccepted).toBeGreaterThan(0);
      expect(lastAccepted - revokedAt).toBeLessThan(1_000);
    } finally {
      await gateway.close();
    }
  });

  it("starts from its snapshot on disk when the centre is away, and lets go of what it then learns", async () => {
    const dir = mkdtempSync(join(tmpdir(), "gateway-disk-"));
    const first = await startGateway({ dir });
    await eventually(() => readdirSync(dir).includes("snapshot.json"));
    expect(statSync(join(dir, "snapshot.json")).mode & 0o777).toBe(0o600);
    await first.gateway.stop();
    const { buildGateway } = await import("../src/index.ts");
    const { testFrameworks } = await import("./test-policy.ts");
    const { silentLogger } = await import("@portolan/kit");
    first.edge.setAway(true);
    const second = buildGateway(
      {
        port: first.edge.port,
        frameworks: testFrameworks,
        log: silentLogger,
        clock: { now: () => new Date() },
        random: { bytes: (size) => new Uint8Array(size).fill(7) },
      },
      { region: "local", dir, host: "127.0.0.1", httpPort: 0, resyncMs: 50 },
    );
    const { port } = await second.start();
    const call = () =>
      fetch(`http://127.0.0.1:${port}/chn_1`, { method: "POST", body: read, headers: { "x-api-key": first.secret } });
    try {
      expect((await call()).status).toBe(200);
      // Revoked while nobody could tell the gateway: it is told by the next snapshot.
      first.edge.change({ kind: "key", key: edgeKey(first.secret, { version: "2", isRevoked: true }) });
      first.edge.setAway(false);
      await eventually(async () => (await call()).status === 401);
    } finally {
      await second.stop();
      await first.node.close();
      rmSync(dir, { recursive: true, force: true });
    }
  });

  it("will not share its spool with another living gateway", async () => {
    const gateway = await startGateway();
    try {
      await expect(startGateway({ dir: gateway.dir })).rejects.toThrow(/Another running gateway/);
    } finally {
      await gateway.close();
    }
  });

  it("finishes what is in flight when it stops, ships it, and accepts nothing more", async () => {
    const gateway = await startGateway();
    const slow = gateway.call("slow");
    await eventually(() => gateway.node.received() === 1);
    const stopped = gateway.gateway.stop();
    expect((await slow).status).toBe(200);
    await stopped;
    await expect(gateway.post(read)).rejects.toThrow();
    expect(gateway.edge.records().map(({ method, count }) => [method, count])).toEqual([["slow", "1"]]);
    await gateway.node.close();
  });

  it("counts a call whose caller has gone", async () => {
    const gateway = await startGateway();
    try {
      const abort = new AbortController();
      const left = fetch(`${gateway.url}/chn_1`, {
        method: "POST",
        body: '{"jsonrpc":"2.0","id":1,"method":"slow"}',
        headers: { "x-api-key": gateway.secret },
        signal: abort.signal,
      });
      await eventually(() => gateway.node.received() === 1);
      abort.abort();
      await expect(left).rejects.toThrow();
      await eventually(() => gateway.node.answered.get("slow") === 1);
      await eventually(async () => {
        await gateway.gateway.metering.shipAll();
        return gateway.edge.records().length > 0;
      });
      expect(gateway.edge.records().map(({ method, count }) => [method, count])).toEqual([["slow", "1"]]);
    } finally {
      await gateway.close();
    }
  });

  it("refuses with 503 what it could not count, and serves again when the spool can be written", async () => {
    const gateway = await startGateway({ settings: { windowMs: 50, tickMs: 20 } });
    const spool = join(gateway.dir, "spool");
    try {
      expect((await gateway.post(read)).status).toBe(200);
      rmSync(spool, { recursive: true });
      await eventually(async () => (await gateway.post(read)).status === 503);
      const before = gateway.node.received();
      const { status, json } = await gateway.post(read);
      expect([status, json]).toMatchObject([503, { error: { data: { code: "metering.unavailable" } } }]);
      expect(gateway.node.received()).toBe(before);
      expect((await fetch(`${gateway.url}/readyz`)).status).toBe(503);
      mkdirSync(spool);
      await eventually(async () => (await gateway.post(read)).status === 200);
    } finally {
      await gateway.close();
    }
  });

  it("cuts a client that sends its headers drop by drop", async () => {
    const gateway = await startGateway();
    try {
      const socket = connect(gateway.port, "127.0.0.1");
      socket.write("POST /chn_1 HTTP/1.1\r\nHost: x\r\n");
      const drip = setInterval(() => socket.write("x-a: b\r\n"), 200);
      const startedAt = performance.now();
      await new Promise((resolve) => {
        socket.on("close", resolve);
        socket.on("error", () => undefined);
        socket.resume();
      });
      clearInterval(drip);
      expect(performance.now() - startedAt).toBeLessThan(60_000);
    } finally {
      await gateway.close();
    }
  });
});

describe("the stream protocol", () => {
  const echoServer = (): Promise<{ server: Server; port: number }> =>
    new Promise((resolve) => {
      const server = createServer((socket) => {
        socket.on("error", () => undefined);
        socket.pipe(socket);
      });
      server.listen(0, "127.0.0.1", () => {
        const address = server.address();
        resolve({ server, port: typeof address === "object" && address !== null ? address.port : 0 });
      });
    });

  it("carries bytes both ways, meters them, and is cut when the key is revoked", async () => {
    const echo = await echoServer();
    const gateway = await startGateway({ settings: { streamPort: 0 } });
    gateway.edge.change({
      kind: "route",
      route: edgeRoute(gateway.nodePort, {
        version: "2",
        targets: {
          stream: [
            {
              region: "local",
              node: "node-0",
              port: "raw",
              via: { kind: "address", host: "127.0.0.1", port: echo.port },
            },
          ],
        },
      }),
    });
    const open = () => {
      const socket = connect(gateway.streamPort ?? 0, "127.0.0.1");
      const seen = { text: "", isClosed: false };
      socket.on("data", (chunk) => {
        seen.text += chunk.toString();
      });
      socket.on("error", () => undefined);
      socket.on("close", () => {
        seen.isClosed = true;
      });
      return { socket, seen };
    };
    try {
      const stranger = open();
      stranger.socket.write("PTL chn_1 ptl_wrong\n");
      await eventually(() => stranger.seen.isClosed);
      expect(stranger.seen.text).toBe("ERR credential.invalid\n");
      const noise = open();
      noise.socket.write("x".repeat(300));
      await eventually(() => noise.seen.isClosed);
      expect(noise.seen.text).toBe("ERR request.invalid\n");

      const friend = open();
      friend.socket.write(`PTL chn_1 ${gateway.secret}\nhello`);
      await eventually(() => friend.seen.text === "OK\nhello");
      const large = "y".repeat(300_000);
      friend.socket.write(large);
      await eventually(() => friend.seen.text.length === 300_008);
      gateway.edge.change({ kind: "key", key: edgeKey(gateway.secret, { version: "2", isRevoked: true }) });
      await eventually(() => friend.seen.isClosed);
      await gateway.gateway.metering.shipAll();
      const sums = new Map<string, number>();
      for (const { sku, dims, quantity } of gateway.edge.records()) {
        const name = `${sku} ${String(dims["direction"])}`;
        sums.set(name, (sums.get(name) ?? 0) + Number(quantity));
      }
      expect([...sums].sort()).toEqual([
        ["stream.bytes in", 300_005],
        ["stream.bytes out", 300_005],
      ]);
    } finally {
      await gateway.close();
      echo.server.close();
    }
  });
});
