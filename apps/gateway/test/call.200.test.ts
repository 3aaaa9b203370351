import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { eventually, type Harness, startGateway } from "./harness.ts";
import { edgeRoute, sumByMethod } from "./memory-edge.ts";

describe("a call that a node answers", () => {
  let gateway: Harness;
  beforeAll(async () => {
    gateway = await startGateway();
  });
  afterAll(() => gateway.close());

  it("passes on byte for byte, from every place that the key may stand in", async () => {
    const body = '{"jsonrpc":"2.0", "id":7, "method":"echo", "params":["é", 1.0]}';
    for (const [path, headers] of [
      ["/chn_1", { "x-api-key": gateway.secret }],
      ["/chn_1", { authorization: `Bearer ${gateway.secret}` }],
      [`/chn_1/${gateway.secret}`, {}],
      [`/chn_1/${gateway.secret}?x=1`, {}],
    ] as [string, Record<string, string>][]) {
      const answer = await gateway.post(body, { path, headers });
      expect(answer.status).toBe(200);
      expect(answer.text).toBe('{"jsonrpc":"2.0","id":7,"result":["é",1]}');
    }
    expect(gateway.node.bodies.at(-1)).toBe(body);
  });

  it("gives back ids as they were written", async () => {
    for (const id of ["12345678901234567890", "1.0", "1e2", "null", '"\\u0041"', '"é"', '"x"', "0"]) {
      const single = await gateway.post(`{"jsonrpc":"2.0","id":${id},"method":"read"}`);
      expect(single.text).toBe(`{"jsonrpc":"2.0","id":${id},"result":"0x4"}`);
      const batch = await gateway.post(`[{"jsonrpc":"2.0","id":${id},"method":"read"}]`);
      expect(batch.text).toBe(`[{"jsonrpc":"2.0","id":${id},"result":"0x4"}]`);
      const refused = await gateway.post(`{"jsonrpc":"2.0","id":${id},"method":"nope"}`);
      expect(refused.text.startsWith(`{"jsonrpc":"2.0","id":${id},"error":{"code":-32601`)).toBe(true);
    }
  });

  it("judges each item of a batch by itself and keeps the order", async () => {
    const answer = await gateway.post(
      '[{"jsonrpc":"2.0","id":1,"method":"read"},{"jsonrpc":"2.0","id":1,"method":"nope"},5,{"jsonrpc":"2.0","method":"read"},' +
        '{"jsonrpc":"2.0","id":"b","method":"fail"},{"jsonrpc":"2.0","id":9,"method":"accounts"},{"jsonrpc":"2.0","id":10,"method":"lost"},' +
        '{"jsonrpc":"1.0","id":11,"method":"read"},{"jsonrpc":"2.0","id":{},"method":"read"},{"jsonrpc":"2.0","id":12,"method":"ranged","params":[5000]}]',
    );
    expect(answer.status).toBe(200);
    expect(answer.json).toMatchObject([
      { id: 1, result: "0x4" },
      { id: 1, error: { code: -32601, data: { code: "method.denied" } } },
      { id: null, error: { code: -32600 } },
      { id: "b", error: { code: 3 } },
      { id: 9, result: [] },
      { id: 10, error: { code: -32603, data: { code: "node.bad_answer" } } },
      { id: 11, error: { code: -32600 } },
      { id: null, error: { code: -32600 } },
      { id: 12, error: { code: -32602, data: { code: "method.bound", hint: "Ask for at most 1000." } } },
    ]);
  });

  it("waits a moment for a chain that was made a moment ago", async () => {
    const early = gateway.post('{"jsonrpc":"2.0","id":1,"method":"read"}', { path: "/chn_2" });
    setTimeout(() => {
      gateway.edge.change({ kind: "route", route: edgeRoute(gateway.nodePort, { chainId: "chn_2" }) });
    }, 40);
    expect((await early).status).toBe(200);
  });

  it("is passed on whatever a node calls a snapshot", async () => {
    const odd = { toString: 1, valueOf: 1 };
    expect((await gateway.call("snapshot", [odd])).json).toMatchObject({ result: odd });
    expect((await gateway.call("read")).status).toBe(200);
  });

  it("answers nothing to notifications, and counts them", async () => {
    const before = gateway.node.answered.get("send") ?? 0;
    const single = await gateway.post('{"jsonrpc":"2.0","method":"send","params":[]}');
    const batch = await gateway.post('[{"jsonrpc":"2.0","method":"send"},{"jsonrpc":"2.0","method":"nope"}]');
    expect([single.status, single.text, batch.status, batch.text]).toEqual([204, "", 204, ""]);
    expect((gateway.node.answered.get("send") ?? 0) - before).toBe(2);
  });

  it("is billed with its weight and surcharge, errors of the node included, once each", async () => {
    await gateway.gateway.metering.shipAll();
    const before = sumByMethod(gateway.edge.records());
    await gateway.call("read");
    await gateway.call("fail");
    await gateway.call("accounts");
    await gateway.call("ranged", [250]);
    await gateway.post('[{"jsonrpc":"2.0","id":1,"method":"dear"},{"jsonrpc":"2.0","id":2,"method":"dear"}]');
    await gateway.call("nope");
    await gateway.gateway.metering.shipAll();
    const after = sumByMethod(gateway.edge.records());
    const grown = (method: string) => [
      (after[method]?.count ?? 0) - (before[method]?.count ?? 0),
      (after[method]?.quantity ?? 0) - (before[method]?.quantity ?? 0),
    ];
    expect(grown("read")).toEqual([1, 10]);
    expect(grown("fail")).toEqual([1, 30]);
    expect(grown("accounts")).toEqual([1, 0]);
    expect(grown("ranged")).toEqual([1, 102]);
    expect(grown("dear")).toEqual([2, 520]);
    expect(after["nope"]).toBeUndefined();
    const record = gateway.edge.records().find(({ method }) => method === "ranged");
    expect(record).toMatchObject({
      tenantId: "ten_1",
      appId: "app_1",
      subject: { type: "chain", id: "chn_1" },
      regionId: "rgn_1",
      sku: "rpc.compute",
      dims: { class: "read" },
      keyId: "key_1",
    });
    expect(gateway.edge.records().find(({ method }) => method === "accounts")?.dims).toEqual({ class: "synthetic" });
  });

  it("is answered to browsers, preflight included", async () => {
    const preflight = await fetch(`${gateway.url}/chn_1`, {
      method: "OPTIONS",
      headers: { origin: "https://a.example", "access-control-request-method": "POST" },
    });
    expect([preflight.status, preflight.headers.get("access-control-allow-origin")]).toEqual([204, "*"]);
    expect(preflight.headers.get("access-control-allow-headers")).toContain("x-api-key");
    const answer = await gateway.post('{"jsonrpc":"2.0","id":1,"method":"read"}', {
      headers: { "x-api-key": gateway.secret, origin: "https://a.example" },
    });
    expect([answer.status, answer.headers.get("access-control-allow-origin")]).toEqual([200, "*"]);
  });

  it("is listed in the request log, without parameters", async () => {
    const logged = (name: string) => gateway.edge.requests.filter(({ method }) => method === name).length;
    const before = logged("echo");
    await gateway.call("echo", ["a secret parameter"]);
    await gateway.call("nope");
    await gateway.call("fail");
    await eventually(() => logged("echo") > before && logged("nope") > 0 && logged("fail") > 0);
    expect(gateway.edge.requests).toContainEqual(
      expect.objectContaining({ chainId: "chn_1", keyId: "key_1", method: "echo", status: "ok" }),
    );
    expect(gateway.edge.requests).toContainEqual(
      expect.objectContaining({ method: "nope", status: "refused", code: -32601 }),
    );
    expect(gateway.edge.requests).toContainEqual(expect.objectContaining({ method: "fail", status: "error" }));
    expect(JSON.stringify(gateway.edge.requests)).not.toContain("a secret");
  });

  it("never shows a key in the log", () => {
    expect(gateway.lines.join("")).not.toContain(gateway.secret);
  });
});
