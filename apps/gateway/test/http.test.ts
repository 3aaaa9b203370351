import { mkdirSync, rmSync } from "node:fs";
import { request } from "node:http";
import { connect } from "node:net";
import { join } from "node:path";
import type { EdgeKey, EdgeRoute } from "@portolan/contract";
import { afterEach, describe, expect, it } from "vitest";
import { eventually, type Harness, startGateway } from "./harness.ts";
import { type HttpTestNode, httpFrameworks, httpTarget, startHttpNode, testHttp } from "./http-node.ts";
import { edgeKey, edgeRoute } from "./memory-edge.ts";

let harness: Harness;
const nodes: HttpTestNode[] = [];

const routeTo = (over: Partial<EdgeRoute> = {}): Partial<EdgeRoute> => ({
  targets: { http: nodes.map(({ port }, index) => httpTarget(port, `rpc-${index}`)) },
  facts: { placeName: "NetX" },
  ...over,
});
const start = async (
  answers: readonly (Parameters<typeof startHttpNode>[0] | undefined)[] = [undefined],
  over: {
    key?: Partial<EdgeKey>;
    settings?: object;
    http?: typeof testHttp;
    timeoutMs?: number;
    route?: Partial<EdgeRoute>;
  } = {},
): Promise<HttpTestNode> => {
  for (const answer of answers) nodes.push(await startHttpNode(answer));
  harness = await startGateway({
    frameworks: httpFrameworks(over.http, over.timeoutMs),
    settings: { drainMs: 300, ...over.settings },
    route: routeTo(over.route),
    ...(over.key === undefined ? {} : { key: over.key }),
  });
  const [first] = nodes;
  if (first === undefined) throw new Error("there is no node");
  return first;
};
afterEach(async () => {
  await harness.close();
  for (const node of nodes.splice(0)) await node.close();
});

interface Answered {
  status: number;
  body: string;
  code: string | undefined;
  headers: { readonly [name: string]: string | string[] | undefined };
}

/** By node:http, which changes nothing in a path, as fetch would. */
const ask = (
  path: string,
  over: { verb?: string; body?: string; headers?: { [name: string]: string } } = {},
): Promise<Answered> =>
  new Promise((resolve, reject) => {
    const headers = over.headers ?? { "x-api-key": harness.secret };
    const asked = request(
      {
        host: "127.0.0.1",
        port: harness.port,
        method: over.verb ?? "GET",
        path: `/chn_1${path}`,
        headers,
        agent: false,
      },
      (answer) => {
        let body = "";
        answer.setEncoding("utf8");
        answer.on("data", (chunk: string) => {
          body += chunk;
        });
        answer.on("error", reject);
        answer.on("end", () => {
          let code: string | undefined;
          try {
            code = (JSON.parse(body) as { code?: string }).code;
          } catch {}
          resolve({ status: answer.statusCode ?? 0, body, code, headers: answer.headers });
        });
      },
    );
    asked.on("error", reject);
    asked.end(over.body);
  });
const refusedAs = async (...from: Parameters<typeof ask>): Promise<[number, string | undefined]> => {
  const { status, code, headers } = await ask(...from);
  expect(headers["content-type"]).toBe("application/problem+json");
  return [status, code];
};
const records = async () => {
  while ((await harness.gateway.metering.shipAll()).left > 0);
  return harness.edge
    .records()
    .map(({ sku, method, quantity, count, dims }) => ({ sku, method, quantity, count, dims }));
};

describe("nodes that are called by verb and path", () => {
  it("get what the table lets through, made anew, and answer as they are; each call is counted once by its name", async () => {
    const node = await start([
      (seen, res) => (seen.verb === "GET" ? res.end('{"ü":1}') : res.writeHead(500).end("[]")),
    ]);
    expect(await ask("/places/NetX/abc?part=p")).toMatchObject({ status: 200, body: '{"ü":1}' });
    expect(await ask("/version", { headers: { authorization: `Bearer ${harness.secret}` } })).toMatchObject({
      headers: { "content-type": "application/json", "cache-control": "no-store" },
    });
    expect(await ask(`/${harness.secret}/version`, { headers: {} })).toMatchObject({ status: 200 });
    expect(await ask("/put/x", { verb: "POST", body: '{"a":"ü"}' })).toMatchObject({ status: 500, body: "[]" });
    expect(node.seen.map(({ verb, target, body }) => [verb, target, body])).toEqual([
      ["GET", "/places/here/abc?part=p", ""],
      ["GET", "/version", ""],
      ["GET", "/version", ""],
      ["POST", "/put/x", '{"a":"ü"}'],
    ]);
    expect(JSON.stringify(node.seen)).not.toContain(harness.secret);
    expect(node.seen[3]?.headers["content-type"]).toBe("application/json");
    const found = await records();
    expect(found).toContainEqual({
      ...{ sku: "rpc.compute", method: "put", quantity: "100", count: "1", dims: { class: "write" } },
    });
    expect(found).toContainEqual({
      ...{ sku: "rpc.compute", method: "thing_root", quantity: "20", count: "2", dims: { class: "read" } },
    });
    expect(found.length).toBe(3);
  });

  it("never hear of what is in no table, of other verbs, or of paths and queries that can't be read", async () => {
    const node = await start();
    for (const path of ["/admin", "/admin/keys", "/unknown", "/places/here/abc/more"])
      expect([path, ...(await refusedAs(path))]).toEqual([path, 403, "method.denied"]);
    for (const verb of ["POST", "PUT", "DELETE", "PATCH", "HEAD"])
      if (verb !== "HEAD")
        expect([verb, ...(await refusedAs("/version", { verb }))]).toEqual([verb, 405, "request.invalid"]);
    expect((await ask("/version", { verb: "HEAD" })).status).toBe(405);
    for (const path of [
      ...["/places/here/../../admin", "/places/here/%2e%2e", "/places/here%2fabc", "/places//here/abc", "//admin"],
      ...["/version/", "/version?x=1", "/places/elsewhere/abc", "/places/here/a-b", "/version#x", "/", ""],
      `/${"x".repeat(3_000)}`,
    ])
      expect([path, ...(await refusedAs(path))]).toEqual([path, 400, "request.invalid"]);
    expect(
      await refusedAs("/version", { body: "x", headers: { "x-api-key": harness.secret, "content-length": "1" } }),
    ).toEqual([400, "request.invalid"]);
    expect(node.seen).toEqual([]);
    expect((await records()).length).toBe(0);
  });

  it("are kept from bodies that are too large, no JSON, or not to be", async () => {
    const node = await start();
    const put = (body: string) => refusedAs("/put/x", { verb: "POST", body });
    expect(await put("{")).toEqual([400, "request.invalid"]);
    expect(await put("")).toEqual([400, "request.invalid"]);
    expect(await put('"bad"')).toEqual([422, "method.bound"]);
    // Of two values a node may take the one that was not looked at.
    for (const twice of ['{"gas":"9","gas":"1"}', '[{"a":[{"b":1,"\\u0062":2}]}]', '{"__proto__":1,"__proto__":2}'])
      expect([twice, ...(await put(twice))]).toEqual([twice, 400, "request.invalid"]);
    expect(await put(JSON.stringify("x".repeat(1_000)))).toEqual([413, "request.too_large"]);
    const chunked = { "x-api-key": harness.secret, "transfer-encoding": "chunked" };
    const large = JSON.stringify("x".repeat(150_000));
    expect(await refusedAs("/put/x", { verb: "POST", body: large, headers: chunked })).toEqual([
      413,
      "request.too_large",
    ]);
    expect(node.seen).toEqual([]);
    expect((await ask("/ask/x", { verb: "POST", body: large })).status).toBe(200);
    expect(node.seen[0]?.body.length).toBe(large.length);
    const once = '{"a":{"b":":\\":"},"c":[{"b":null},{"b":{}}],"__proto__":1}';
    expect((await ask("/put/x", { verb: "POST", body: once })).status).toBe(200);
    expect(node.seen[1]?.body).toBe(once);
  });

  it("are refused to who has no right: key, chain, state, method, rate", async () => {
    const node = await start([undefined], {
      key: { allow: { origins: [], addresses: [], methods: ["watch_*", "thing"] } },
    });
    for (const headers of [{}, { "x-api-key": "ptl_wrong" }])
      for (const path of ["/version", "/places/here/abc"]) expect((await refusedAs(path, { headers }))[0]).toBe(401);
    expect(await refusedAs("/ptl_wrong/version", { headers: {} })).toEqual([401, "credential.invalid"]);
    expect(await refusedAs("/version")).toEqual([403, "permission.denied"]);
    expect((await ask("/places/here/abc")).status).toBe(200);
    harness.edge.change({ kind: "key", key: edgeKey(harness.secret, { version: "2", scopes: ["rpc:dev"] }) });
    expect(await refusedAs("/places/here/abc")).toEqual([403, "permission.denied"]);
    harness.edge.change({ kind: "key", key: edgeKey(harness.secret, { version: "3" }) });
    const limits = { unitsPerSecond: 1, burstSeconds: 1 };
    harness.edge.change({
      kind: "app",
      app: { id: "app_1", tenantId: "ten_1", state: "active", limits, version: "2" },
    });
    const limited = await ask("/dear?all=1");
    const next = limited.status === 429 ? limited : await ask("/dear?all=1");
    expect([next.status, next.code]).toEqual([429, "request.rate_limited"]);
    expect(next.headers["retry-after"]).toMatch(/^\d+$/);
    harness.edge.change({ kind: "route", route: edgeRoute(1, { ...routeTo(), version: "2", state: "paused" }) });
    expect(await refusedAs("/places/here/abc")).toEqual([503, "chain.paused"]);
    expect(node.seen.filter(({ target }) => target !== "/dear?all=1").length).toBe(1);
  });

  it("count by what was asked for", async () => {
    await start();
    await ask("/dear?all=1");
    expect(await records()).toMatchObject([{ method: "thing_dear", quantity: "520", count: "1" }]);
  });

  it("are not shown when they fail, and what they did not answer is not billed", async () => {
    const node = await start([
      ({ target }, res) => {
        if (target.endsWith("/large")) res.end("x".repeat(200_000));
        else if (target.startsWith("/short")) res.end("x".repeat(101));
        else if (target.endsWith("/moved")) res.writeHead(302, { location: "http://169.254.169.254/" }).end();
        else if (target.endsWith("/gone")) res.socket?.destroy();
        else res.writeHead(Number(target.slice(-3))).end("<html>inside</html>");
      },
    ]);
    for (const status of ["403", "502", "503"]) {
      const found = await ask(`/places/here/${status}`);
      expect([found.status, found.code]).toEqual([503, "node.bad_answer"]);
      expect(found.body).not.toContain("inside");
    }
    expect(await refusedAs("/places/here/moved")).toEqual([503, "node.bad_answer"]);
    expect(await refusedAs("/places/here/large")).toEqual([503, "node.answer_too_large"]);
    expect(await refusedAs("/short/x")).toEqual([503, "node.answer_too_large"]);
    expect(await records()).toEqual([]);
    const before = node.seen.length;
    expect(await refusedAs("/places/here/gone")).toEqual([503, "node.unhealthy"]);
    expect(node.seen.length).toBe(before + 2);
    // What may have been carried out is not sent twice.
    expect(await refusedAs("/put/gone", { verb: "POST", body: "1" })).toEqual([503, "node.unhealthy"]);
    expect(node.seen.length).toBe(before + 3);
    expect((await ask("/places/here/404")).status).toBe(404);
    expect(await records()).toMatchObject([{ method: "thing", count: "1" }]);
  });

  it("stand in for each other, and a caller stays with one while it is there", async () => {
    await start([undefined, undefined, undefined]);
    for (let index = 0; index < 6; index++) expect((await ask("/version")).status).toBe(200);
    const [used] = nodes.filter(({ seen }) => seen.length > 0);
    expect(used?.seen.length).toBe(6);
    await used?.close();
    for (let index = 0; index < 3; index++) {
      expect((await ask("/version")).status).toBe(200);
      expect((await ask("/put/x", { verb: "POST", body: "1" })).status).toBe(200);
    }
    for (const node of nodes) if (node !== used) await node.close();
    expect(await refusedAs("/version")).toEqual([503, "node.unhealthy"]);
    await eventually(() => harness.edge.wakes.some(({ reason }) => reason === "suspect"));
    expect(await records()).toMatchObject([{ method: "thing_root", count: "9" }, { count: "3" }]);
  });

  it("are waited for as long as the policy says, and not for a caller that is gone", async () => {
    const node = await start([() => undefined], { settings: { stalledMs: 100 }, timeoutMs: 400 });
    const socket = connect(harness.port, "127.0.0.1");
    socket.write(`GET /chn_1/version HTTP/1.1\r\nhost: a\r\nx-api-key: ${harness.secret}\r\n\r\n`);
    await eventually(() => node.seen.length === 1);
    socket.destroy();
    expect(await refusedAs("/version")).toEqual([504, "node.timeout"]);
    expect(await records()).toEqual([]);
  });

  it("answer nothing that could not be counted", async () => {
    await start([undefined], { settings: { windowMs: 50, tickMs: 20 } });
    expect((await ask("/version")).status).toBe(200);
    const spool = join(harness.dir, "spool");
    rmSync(spool, { recursive: true });
    await eventually(async () => (await ask("/version")).status === 503);
    mkdirSync(spool);
    await eventually(async () => (await ask("/version")).status === 200);
  });

  it("says no in the words of the ecosystem's clients, whatever the reason", async () => {
    const renderProblem = ({ code, requestId }: { code: string; requestId: string }) =>
      JSON.stringify([{ id: `ü.${code}`, requestId }]);
    await start([undefined], { http: { ...testHttp, renderProblem } });
    const denied = await ask("/admin");
    expect(JSON.parse(denied.body)).toEqual([{ id: "ü.method.denied", requestId: denied.headers["x-request-id"] }]);
    expect(denied.headers["content-type"]).toBe("application/json");
    harness.edge.change({ kind: "route", route: edgeRoute(1, { ...routeTo(), version: "2", state: "asleep" }) });
    expect((await ask("/version")).body).toContain("chain.asleep");
    expect((await ask("/version")).headers["retry-after"]).toBe("1");
  });

  it("lets browsers ask first, and read what they get", async () => {
    await start();
    const before = await ask("/places/here/abc", { verb: "OPTIONS", headers: { origin: "https://app.example" } });
    expect([before.status, before.headers["access-control-allow-headers"]]).toEqual([
      204,
      expect.stringContaining("x-api-key"),
    ]);
    const headers = { "x-api-key": harness.secret, origin: "https://app.example" };
    expect((await ask("/version", { headers })).headers["access-control-allow-origin"]).toBe("*");
  });
});
