import { createPrivateKey, generateKeyPairSync, verify } from "node:crypto";
import { mkdirSync, rmSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { type PartKeyAnswer, partKeyContext } from "@portolan/contract";
import { sealTo } from "@portolan/custody";
import { DomainError } from "@portolan/domain";
import type { RestContext, RestProtocol } from "@portolan/frameworks";
import { afterEach, describe, expect, it } from "vitest";
import type { FrameworkTable } from "../src/index.ts";
import { type FakeGrpcNode, makeNodeCertificate, startFakeGrpcNode } from "./fake-grpc-node.ts";
import { grpcFrameworks } from "./grpc-harness.ts";
import { eventually, type Harness, startGateway } from "./harness.ts";
import { edgeKey, edgeRoute } from "./memory-edge.ts";

const text = new TextEncoder();

async function* toEvents(context: RestContext, method: string) {
  let sent = 0;
  for await (const message of context.serverStream(`test.Fake/${method}`, text.encode("x"), {}))
    yield { id: String(sent++), name: "count", data: Buffer.from(message).toString() };
}

const rest: RestProtocol = {
  identityKind: "identity",
  routes: [
    { name: "things.call", method: "POST", path: "/things/{thing}/call/{method}" },
    { name: "things.sign", method: "POST", path: "/things/{thing}/sign" },
    { name: "things.events", method: "GET", path: "/things/{thing}/events" },
    { name: "things.secret", method: "GET", path: "/things/{thing}/secret" },
  ],
  handle: async ({ route, params, body, query }, context) => {
    if (route === "things.events") return { kind: "events", events: toEvents(context, query["method"] ?? "Count") };
    if (route === "things.sign") {
      const { partId, sign } = await context.identity(params["thing"] ?? "");
      return {
        kind: "json",
        status: 200,
        body: { partId, signature: Buffer.from(await sign(text.encode("data"))).toString("base64") },
      };
    }
    const message = text.encode(JSON.stringify(body));
    const options = { timeoutMs: 2_000, isRepeatable: params["thing"] === "again", label: "org2" };
    const answer = await context.unary(`test.Fake/${params["method"]}`, message, options);
    if (params["thing"] === "bad")
      throw new DomainError({ code: "transaction.mvcc_conflict", message: "No.", meta: { a: "b" } });
    return { kind: "json", status: 200, body: { echoed: JSON.parse(Buffer.from(answer).toString()) as string } };
  },
};

const frameworks: FrameworkTable = {
  protocols: (slug) => {
    const [grpc] = grpcFrameworks.protocols(slug);
    if (grpc?.policy === undefined) return [];
    const weights: { readonly [name: string]: number } = { "things.call": 20, "things.events": 5, "things.sign": 1 };
    const policy = {
      ...grpc.policy,
      maxBodyBytes: 1_024,
      verdict: (name: string) => {
        const weight = weights[name];
        if (weight === undefined) return { kind: "deny" as const, reason: "it is not known" };
        return { kind: "forward" as const, weight, isWrite: false, scope: "rpc" as const };
      },
    };
    return [{ ...grpc, name: "rest", policy, rest }];
  },
};

let harness: Harness;
const nodes: FakeGrpcNode[] = [];
const start = async (count = 1, settings = {}): Promise<void> => {
  const certificate = await makeNodeCertificate();
  for (let index = 0; index < count; index++) nodes.push(await startFakeGrpcNode(certificate));
  const targets = nodes.map(({ port }, index) => ({
    ...{ region: "local", node: `peer-org${index + 1}-0`, port: "grpc" },
    via: { kind: "address" as const, host: "127.0.0.1", port },
  }));
  harness = await startGateway({
    frameworks,
    settings: { drainMs: 300, ...settings },
    route: { targets: { rest: targets }, facts: { "grpc.ca": certificate.ca } },
  });
};
afterEach(async () => {
  await harness.close();
  for (const node of nodes.splice(0)) await node.kill();
});

const ask = async (path: string, body?: object | string, headers: Record<string, string> = {}) => {
  const answer = await fetch(`${harness.url}/chn_1${path}`, {
    method: body === undefined ? "GET" : "POST",
    headers: { "x-api-key": harness.secret, ...headers },
    ...(body === undefined ? {} : { body: typeof body === "string" ? body : JSON.stringify(body) }),
  });
  return { status: answer.status, type: answer.headers.get("content-type"), body: (await answer.json()) as object };
};

describe("REST at the gateway", () => {
  it("is answered by the framework's handler through nodes, and counted by route", async () => {
    await start();
    const answer = await ask("/things/t/call/Echo", { a: 1 });
    expect(answer).toMatchObject({ status: 200, type: "application/json", body: { echoed: { a: 1 } } });
    expect(await ask("/things/bad/call/Echo", {})).toMatchObject({
      status: 409,
      type: "application/problem+json",
      body: { code: "transaction.mvcc_conflict", detail: "No.", a: "b" },
    });
    // No node answered it.
    expect((await ask("/things/t/call/Die", {})).status).toBe(503);
    while ((await harness.gateway.metering.shipAll()).left > 0);
    const found = harness.edge.records().map(({ sku, method, quantity, count }) => [sku, method, quantity, count]);
    expect(found).toContainEqual(["rpc.compute", "things.call", "40", "2"]);
    expect(JSON.stringify(nodes[0]?.headersSeen)).not.toContain(harness.secret);
  });

  it("refuses with problem documents, and reaches no node", async () => {
    await start();
    const refused = async (path: string, body?: object | string, headers?: Record<string, string>) => {
      const { status, type, body: problem } = await ask(path, body, headers);
      expect(type).toBe("application/problem+json");
      return [status, (problem as { code: string }).code];
    };
    const path = "/things/t/call/Echo";
    expect(await refused(path, {}, { "x-api-key": "ptl_wrong" })).toEqual([401, "credential.invalid"]);
    expect(await refused("/things/t/unknown", {})).toEqual([404, "resource.not_found"]);
    expect(await refused(path)).toEqual([405, "request.invalid"]);
    expect(await refused("/things/t/secret")).toEqual([403, "method.denied"]);
    expect(await refused(path, "{")).toEqual([400, "request.invalid"]);
    expect(await refused(path, { large: "x".repeat(2_000) })).toEqual([413, "request.too_large"]);
    expect(await refused(path, {}, { "idempotency-key": "with space" })).toEqual([400, "request.invalid"]);
    harness.edge.change({ kind: "route", route: edgeRoute(1, { version: "2", state: "paused" }) });
    expect(await refused(path, {})).toEqual([503, "chain.paused"]);
    expect(nodes[0]?.started()).toBe(0);
  });

  it("says as problems too that nothing is at a path, whatever its length, method or end", async () => {
    await start();
    const missing = async (method: string, path: string) => {
      const answer = await fetch(`${harness.url}/chn_1${path}`, { method, headers: { "x-api-key": harness.secret } });
      const { code, hint, type } = (await answer.json()) as { [name: string]: unknown };
      expect([code, type]).toEqual(["resource.not_found", "urn:portolan:error:resource.not_found"]);
      expect(hint).toMatch(/^docs\/frameworks\/\w+\.md /);
      expect(answer.headers.get("content-type")).toBe("application/problem+json");
      return answer.status;
    };
    const paths = ["", "/things", "/things/", "/things/t/", "/things/t/unknown", "/things//call/Echo"];
    for (const method of ["GET", "POST", "DELETE"])
      for (const path of paths) expect([method, path, await missing(method, path)]).toEqual([method, path, 404]);
    expect(nodes[0]?.started()).toBe(0);
  });

  it("asks the nodes of the label first, and another when the connection to the first broke", async () => {
    await start(2);
    expect((await ask("/things/again/call/Echo", {})).status).toBe(200);
    expect(nodes[1]?.answered.get("Echo")).toBe(1);
    await nodes[1]?.kill();
    expect((await ask("/things/again/call/Echo", {})).status).toBe(200);
    expect(nodes[0]?.answered.get("Echo")).toBe(1);
    expect((await ask("/things/again/call/Never", {})).status).toBe(504);
  });

  it("waits for a node longer than for a caller that doesn't read", async () => {
    await start(1, { stalledMs: 100 });
    expect((await ask("/things/t/call/Never", {})).status).toBe(504);
    const caller = connect(harness.port, "127.0.0.1");
    caller.on("error", () => undefined);
    caller.write(`GET /chn_1/things/t/events?method=Flood HTTP/1.1\r\nhost: a\r\nx-api-key: ${harness.secret}\r\n\r\n`);
    // `Never` was the first.
    await eventually(() => nodes[0]?.cancelled() === 2);
    caller.destroy();
  });

  it("sends events as they come, counts each, and ends them when the key is revoked", async () => {
    await start();
    const answer = await fetch(`${harness.url}/chn_1/things/t/events`, { headers: { "x-api-key": harness.secret } });
    expect(answer.headers.get("content-type")).toBe("text/event-stream");
    let seen = "";
    let isRevoked = false;
    for await (const chunk of answer.body ?? []) {
      seen += Buffer.from(chunk).toString();
      if (!isRevoked && seen.includes("id: 5\n")) {
        isRevoked = true;
        harness.edge.change({ kind: "key", key: edgeKey(harness.secret, { version: "2", isRevoked: true }) });
      }
    }
    expect(seen).toContain('id: 3\nevent: count\ndata: "3"\n\n');
    const end = /event: error\ndata: (.*)\n\n$/.exec(seen)?.[1] ?? "{}";
    expect(JSON.parse(end)).toMatchObject({ code: "credential.invalid", status: 401, hint: expect.any(String) });
    await eventually(() => nodes[0]?.cancelled() === 1);
    while ((await harness.gateway.metering.shipAll()).left > 0);
    const events = seen.match(/event: count/g)?.length ?? 0;
    const record = harness.edge.records().filter(({ sku }) => sku === "rpc.compute");
    expect(record.reduce((sum, { count }) => sum + Number(count), 0)).toBe(events);
  });

  it("ends events when it stops, and says so", async () => {
    await start();
    const answer = await fetch(`${harness.url}/chn_1/things/t/events`, { headers: { "x-api-key": harness.secret } });
    await harness.gateway.stop();
    expect(await answer.text()).toContain('"code":"unavailable"');
  });

  it("answers nothing that it could not count", async () => {
    await start(1, { windowMs: 50, tickMs: 20 });
    expect((await ask("/things/t/call/Echo", {})).status).toBe(200);
    const spool = join(harness.dir, "spool");
    rmSync(spool, { recursive: true });
    await eventually(async () => (await ask("/things/t/call/Echo", {})).status === 503);
    mkdirSync(spool);
    await eventually(async () => (await ask("/things/t/call/Echo", {})).status === 200);
  });
});

describe("keys that are lent", () => {
  it("are sealed to this gateway, kept for a while, and dropped with the route's version", async () => {
    await start();
    const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
    const der = privateKey.export({ type: "pkcs8", format: "der" });
    const part = { tenantId: "ten_1", partId: "idn_1", chainId: "chn_1" };
    let asked = 0;
    let refusal: PartKeyAnswer | null = null;
    harness.edge.answerPartKeys(async (request) => {
      asked += 1;
      expect(request).toMatchObject({ region: "local", chainId: "chn_1", kind: "identity", name: "alice" });
      const sealed = sealTo(request.publicKey, der, partKeyContext(part));
      return refusal ?? { kind: "key", partId: part.partId, tenantId: part.tenantId, facts: {}, sealed };
    });
    const answer = await ask("/things/alice/sign", {});
    const { signature } = answer.body as { signature: string };
    expect(verify("sha256", Buffer.from("data"), publicKey, Buffer.from(signature, "base64"))).toBe(true);
    expect((await ask("/things/alice/sign", {})).status).toBe(200);
    expect(asked).toBe(1);
    const { route } = { route: edgeRoute(1, { version: "2", targets: { rest: [] }, facts: { "grpc.ca": "x" } }) };
    harness.edge.change({ kind: "route", route });
    refusal = { kind: "refused", reason: "revoked" };
    const targets = {
      rest: [
        { region: "local", node: "n", port: "grpc", via: { kind: "address" as const, host: "127.0.0.1", port: 1 } },
      ],
    };
    harness.edge.change({ kind: "route", route: { ...route, targets, version: "3" } });
    expect(await ask("/things/alice/sign", {})).toMatchObject({ status: 403, body: { code: "identity.revoked" } });
    expect(asked).toBe(2);
    expect(harness.lines.join("")).not.toContain(
      createPrivateKey(privateKey.export({ type: "pkcs8", format: "pem" }))
        .export({ type: "pkcs8", format: "der" })
        .toString("base64")
        .slice(40, 80),
    );
  });
});
