import { mkdirSync, readdirSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { toFrame } from "../src/protocols/grpc-frames.ts";
import { callUnary, connectGrpc, openCall } from "./grpc-client.ts";
import { startGrpc } from "./grpc-harness.ts";
import { eventually } from "./harness.ts";
import { edgeApp, edgeKey, edgeRoute, newSecret } from "./memory-edge.ts";

type Harness = Awaited<ReturnType<typeof startGrpc>>;

let open: Harness | undefined;
const start = async (over: Parameters<typeof startGrpc>[0] = {}): Promise<Harness> => {
  open = await startGrpc(over);
  return open;
};
afterEach(async () => {
  await open?.close();
  open = undefined;
});

const nodeOf = (harness: Harness, index = 0) => {
  const node = harness.nodes[index];
  if (node === undefined) throw new Error("there is no such node");
  return node;
};

const sums = async (harness: Harness) => {
  while ((await harness.gateway.metering.shipAll()).left > 0);
  const found: { [name: string]: { count: number; quantity: number } } = {};
  for (const { sku, method = "", count, quantity } of harness.edge.records()) {
    const name = `${sku} ${method.replace("test.Fake/", "")}`;
    const sum = found[name] ?? { count: 0, quantity: 0 };
    found[name] = sum;
    sum.count += Number(count);
    sum.quantity += Number(quantity);
  }
  return found;
};

describe("unary gRPC calls", () => {
  it("reach the node byte for byte without the key, and the answer comes back with its trailers", async () => {
    const harness = await start();
    const message = Buffer.from(Array.from({ length: 70_000 }, (_, index) => index % 251));
    const echoed = await harness.unary("Echo", message, { ...harness.grpc.key, "x-custom": "mine" });
    expect(echoed.status).toBe("0");
    expect(Buffer.compare(echoed.messages[0] ?? Buffer.alloc(0), message)).toBe(0);
    const failed = await harness.unary("Fail");
    expect(failed).toMatchObject({ status: "10", message: "conflict", code: undefined });
    expect(failed.trailers["grpc-status-details-bin"]).toBe("CAoSA2Fi");
    expect((await harness.unary("Large")).messages[0]?.length).toBe(1_048_576);
    const seen = JSON.stringify(nodeOf(harness).headersSeen);
    expect(seen).not.toContain(harness.secret);
    expect(seen).not.toContain("mine");
    expect(seen).toContain('"te":"trailers"');
    expect(harness.lines.join("")).not.toContain(harness.secret);
  });

  it("take the key as a bearer's too, and are refused by status and code", async () => {
    const harness = await start();
    const bearer = { authorization: `Bearer ${harness.secret}` };
    expect((await harness.unary("Echo", Buffer.from("x"), bearer)).status).toBe("0");
    const refused = async (method: string, headers?: { [name: string]: string }, message = Buffer.from("x")) => {
      const { status, code } = await harness.unary(method, message, headers);
      return [status, code];
    };
    expect(await refused("Echo", {})).toEqual(["16", "credential.missing"]);
    expect(await refused("Echo", { "x-api-key": newSecret() })).toEqual(["16", "credential.invalid"]);
    expect(await refused("Secret")).toEqual(["7", "method.denied"]);
    expect(await refused("Echo", undefined, Buffer.alloc(256 * 1024 + 1))).toEqual(["8", "request.too_large"]);
    expect(await refused("Echo", { ...harness.grpc.key, "x-large": "y".repeat(17_000) })).not.toEqual(["0", undefined]);
    expect(await refused("Echo", { ...harness.grpc.key, "grpc-timeout": "soon" })).toEqual(["3", "request.invalid"]);
    expect(await refused("Echo", { ...harness.grpc.key, "grpc-encoding": "gzip" })).toEqual(["3", "request.invalid"]);
    expect(await refused("Huge")).toEqual(["8", "node.answer_too_large"]);
    expect(await refused("Die")).toEqual(["14", "node.unhealthy"]);
    harness.edge.change({ kind: "app", app: edgeApp({ version: "2", state: "suspended" }) });
    expect(await refused("Echo")).toEqual(["8", "app.suspended"]);
    harness.edge.change({
      kind: "app",
      app: edgeApp({ version: "3", limits: { unitsPerSecond: 1, burstSeconds: 1 } }),
    });
    expect(await refused("Echo")).toEqual(["0", undefined]);
    expect(await refused("Echo")).toEqual(["8", "request.rate_limited"]);
    harness.edge.change({ kind: "app", app: edgeApp({ version: "4" }) });
    for (const [state, status, code] of [
      ["deleted", "5", "chain.deleted"],
      ["paused", "14", "chain.paused"],
    ] as const) {
      harness.edge.change({ kind: "route", route: edgeRoute(1, { version: `1${status}`, state }) });
      expect(await refused("Echo")).toEqual([status, code]);
    }
  });

  it("go to the chain of the server name only, and to the peers that its label names", async () => {
    const harness = await start({ nodes: 2 });
    const { port, ca, key } = harness.grpc;
    const at = async (name: string) => {
      const session = connectGrpc(port, name, ca);
      try {
        const { status, code } = await callUnary(session, "Echo", Buffer.from("x"), key);
        return [status, code];
      } finally {
        session.destroy();
      }
    };
    for (let turn = 0; turn < 3; turn++) expect(await at("org2.chn-1.chains.localhost")).toEqual(["0", undefined]);
    expect(nodeOf(harness, 1).answered.get("Echo")).toBe(3);
    expect(nodeOf(harness, 0).answered.get("Echo")).toBeUndefined();
    expect(await at("org3.chn-1.chains.localhost")).toEqual(["5", "resource.not_found"]);
    expect(await at("chn-2.chains.localhost")).toEqual(["5", "resource.not_found"]);
    expect(await at("localhost")).toEqual(["5", "resource.not_found"]);
  });

  it("are cancelled on both sides, and end at their deadline on both sides", async () => {
    const harness = await start();
    const node = nodeOf(harness);
    const { stream, answer } = openCall(harness.grpc.session, "Never", harness.grpc.key);
    stream.end(toFrame(Buffer.from("x")));
    await eventually(() => node.started() === 1);
    stream.close(8);
    await answer;
    await eventually(() => node.cancelled() === 1);
    const startedAt = performance.now();
    const late = await harness.unary("Never", Buffer.from("x"), { ...harness.grpc.key, "grpc-timeout": "1000m" });
    expect([late.status, late.code]).toEqual(["4", "node.timeout"]);
    // Before the policy's own bound.
    expect(performance.now() - startedAt).toBeLessThan(20_000);
    await eventually(() => node.cancelled() === 2);
    const timeouts = node.headersSeen.map((headers) => Reflect.get(headers, "grpc-timeout"));
    expect(Number.parseInt(String(timeouts[1]), 10)).toBeLessThanOrEqual(1_000);
    // The policy's own bound.
    expect(Number.parseInt(String(timeouts[0]), 10)).toBeLessThanOrEqual(30_000);
  });

  it("go to the next node when one is gone, unless it may have looked at them", async () => {
    const harness = await start({ nodes: 2 });
    const first = nodeOf(harness, 0);
    expect((await harness.unary("Echo")).status).toBe("0");
    const [used, other] = first.answered.get("Echo") === 1 ? [first, nodeOf(harness, 1)] : [nodeOf(harness, 1), first];
    const slow = harness.unary("Slow");
    await eventually(() => used.started() === 2);
    await used.kill();
    const broken = await slow;
    expect([broken.status, broken.code]).toEqual(["14", "node.unhealthy"]);
    expect(other.started()).toBe(0);
    for (let turn = 0; turn < 5; turn++) expect((await harness.unary("Echo")).status).toBe("0");
    expect(other.answered.get("Echo")).toBe(5);
    await other.kill();
    await eventually(async () => (await harness.unary("Echo")).code === "node.unhealthy");
  });

  it("that a node refuses to look at are tried again, and then refused", async () => {
    const harness = await start();
    const { status, code } = await harness.unary("Refuse");
    expect([status, code]).toEqual(["14", "node.unhealthy"]);
    expect(nodeOf(harness).started()).toBe(2);
  });

  it("are not sent to a node whose certificate another authority signed", async () => {
    const harness = await start();
    const stranger = (await (await import("./fake-grpc-node.ts")).makeNodeCertificate()).ca;
    harness.edge.change({
      kind: "route",
      route: edgeRoute(1, { version: "2", targets: { grpc: harness.targets }, facts: { "grpc.ca": stranger } }),
    });
    const { status, code } = await harness.unary("Echo");
    expect([status, code]).toEqual(["14", "node.unhealthy"]);
    expect(nodeOf(harness).started()).toBe(0);
  });
});

describe("gRPC streams", () => {
  it("carry messages both ways, half-close and end", async () => {
    const harness = await start();
    const { stream, answer, messages } = openCall(harness.grpc.session, "Chat", harness.grpc.key);
    for (let index = 0; index < 50; index++) stream.write(toFrame(Buffer.from(`message ${index}`)));
    await eventually(() => messages.length === 50);
    stream.end();
    expect((await answer).status).toBe("0");
    expect(messages.map(String)).toEqual(Array.from({ length: 50 }, (_, index) => `message ${index}`));
    const found = await sums(harness);
    expect(found["rpc.compute Chat"]).toEqual({ count: 50, quantity: 100 });
    const bytes = Array.from({ length: 50 }, (_, index) => `message ${index}`.length + 5).reduce((a, b) => a + b, 0);
    expect(found["transfer.bytes Chat"]).toEqual({ count: 0, quantity: bytes * 2 });
  });

  it("end when their key is revoked or their route closes, and when the node dies", async () => {
    const harness = await start();
    const node = nodeOf(harness);
    const run = async (end: () => void) => {
      const { stream, answer, messages } = openCall(harness.grpc.session, "Count", harness.grpc.key);
      stream.end(toFrame(Buffer.from("from 0")));
      await eventually(() => messages.length > 3);
      end();
      const { status, code } = await answer;
      return [status, code];
    };
    const route = (version: string, over = {}) =>
      edgeRoute(1, {
        version,
        targets: { grpc: harness.targets },
        facts: { "grpc.ca": harness.certificate.ca },
        ...over,
      });
    expect(await run(() => harness.edge.change({ kind: "route", route: route("2", { state: "paused" }) }))).toEqual([
      "14",
      "chain.paused",
    ]);
    harness.edge.change({ kind: "route", route: route("3") });
    const key = (version: string, isRevoked: boolean) => edgeKey(harness.secret, { version, isRevoked });
    expect(await run(() => harness.edge.change({ kind: "key", key: key("2", true) }))).toEqual([
      "16",
      "credential.invalid",
    ]);
    await eventually(() => node.cancelled() === 2);
    harness.edge.change({ kind: "key", key: key("3", false) });
    expect(await run(() => void node.kill())).toEqual(["14", "node.unhealthy"]);
  });

  it("are read no faster than their caller reads", async () => {
    const harness = await start();
    const { stream, messages } = openCall(harness.grpc.session, "Flood", harness.grpc.key);
    stream.end(toFrame(Buffer.from("x")));
    await eventually(() => messages.length > 0);
    stream.pause();
    await new Promise((resolve) => setTimeout(resolve, 300));
    const before = nodeOf(harness).flooded();
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(nodeOf(harness).flooded()).toBe(before);
    expect(before).toBeLessThan(20 * 1024 * 1024);
    // Others on the same connections go on.
    expect((await harness.unary("Echo")).status).toBe("0");
    stream.close();
  });

  it("are bounded for each key, and so are calls", async () => {
    const harness = await start({ bounds: { streamsPerKey: 2, callsPerKey: 3 } });
    const calls = ["Count", "Count"].map((method) => {
      const call = openCall(harness.grpc.session, method, harness.grpc.key);
      call.stream.end(toFrame(Buffer.from("x")));
      return call;
    });
    await eventually(() => calls.every(({ messages }) => messages.length > 0));
    const third = openCall(harness.grpc.session, "Count", harness.grpc.key);
    third.stream.end(toFrame(Buffer.from("x")));
    expect((await third.answer).code).toBe("request.rate_limited");
    const slow = harness.unary("Slow");
    await eventually(() => nodeOf(harness).started() === 3);
    expect((await harness.unary("Echo")).code).toBe("request.rate_limited");
    expect((await slow).status).toBe("0");
    for (const { stream } of calls) stream.close(8);
    await eventually(async () => (await harness.unary("Echo")).status === "0");
  });
});

describe("the gRPC listener", () => {
  it("finishes calls, ends streams and says goodbye when the gateway stops", async () => {
    const harness = await start();
    const slow = harness.unary("Slow");
    const { stream, answer, messages } = openCall(harness.grpc.session, "Count", harness.grpc.key);
    stream.end(toFrame(Buffer.from("x")));
    await eventually(() => messages.length > 0 && nodeOf(harness).started() === 2);
    let isGone = false;
    harness.grpc.session.once("goaway", () => {
      isGone = true;
    });
    const stopped = harness.gateway.stop();
    const ended = await answer;
    expect([ended.status, ended.code]).toEqual(["14", "unavailable"]);
    expect((await slow).status).toBe("0");
    await stopped;
    expect(isGone).toBe(true);
    expect(harness.edge.records().filter(({ method }) => method === "test.Fake/Slow").length).toBeGreaterThan(0);
  });

  it("refuses what it could not count, streams included, and counts again when the spool can be written", async () => {
    const harness = await start({ settings: { windowMs: 50, tickMs: 20 } });
    const spool = join(harness.dir, "spool");
    expect((await harness.unary("Echo")).status).toBe("0");
    const { stream, answer, messages } = openCall(harness.grpc.session, "Count", harness.grpc.key);
    stream.end(toFrame(Buffer.from("x")));
    await eventually(() => messages.length > 0);
    rmSync(spool, { recursive: true });
    expect((await answer).code).toBe("metering.unavailable");
    const refused = await harness.unary("Echo");
    expect([refused.status, refused.code, refused.messages]).toEqual(["14", "metering.unavailable", []]);
    mkdirSync(spool);
    await eventually(async () => (await harness.unary("Echo")).status === "0");
  });

  it("counts exactly what the node answered, over 5,000 calls", async () => {
    const harness = await start({ settings: { windowMs: 200, tickMs: 20 } });
    const methods = ["Echo", "Echo", "Echo", "Fail", "Down"];
    let sent = 0;
    const client = async (): Promise<void> => {
      while (sent < 5_000) {
        const method = methods[sent++ % methods.length] ?? "";
        await harness.unary(method, Buffer.from("0123456789"));
      }
    };
    await Promise.all(Array.from({ length: 32 }, client));
    const found = await sums(harness);
    const { answered } = nodeOf(harness);
    expect(answered.get("Echo")).toBe(3_000);
    expect(found["transaction.evaluated Echo"]).toEqual({ count: 3_000, quantity: 3_000 });
    expect(found["rpc.compute Fail"]).toEqual({ count: 1_000, quantity: 10_000 });
    expect(found["transfer.bytes Echo"]?.quantity).toBe(3_000 * 30);
    // A node that can't be had is our failure.
    expect(Object.keys(found).filter((name) => name.includes("Down"))).toEqual([]);
  }, 60_000);

  it("keeps its authority in private files over restarts, and shows a certificate for the chain's name", async () => {
    const harness = await start();
    const tls = join(harness.dir, "tls");
    expect(readdirSync(tls).sort()).toEqual(["ca-key.pem", "ca.pem"]);
    expect(statSync(join(tls, "ca-key.pem")).mode & 0o777).toBe(0o600);
    expect((await harness.unary("Echo")).status).toBe("0");
    const socket = harness.grpc.session.socket as import("node:tls").TLSSocket;
    expect(socket.authorized).toBe(true);
    expect(socket.getPeerCertificate().subjectaltname).toBe("DNS:chn-1.chains.localhost, DNS:*.chn-1.chains.localhost");
  });
});
