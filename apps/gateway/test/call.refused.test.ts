import { randomBytes, randomUUID } from "node:crypto";
import { formatCredential } from "@portolan/domain";
import { afterEach, describe, expect, it } from "vitest";
import { eventually, type Harness, startGateway } from "./harness.ts";
import { edgeApp, edgeKey, edgeRoute, newSecret, sumByMethod } from "./memory-edge.ts";

const read = '{"jsonrpc":"2.0","id":1,"method":"read"}';

describe("a refused call", () => {
  let gateway: Harness | undefined;
  const start = async (...args: Parameters<typeof startGateway>): Promise<Harness> => {
    gateway = await startGateway(...args);
    return gateway;
  };
  afterEach(async () => {
    await gateway?.close();
    gateway = undefined;
  });
  /** Refused with this status and code, and neither sent to the node nor billed. */
  const expectRefusal = async (
    from: Harness,
    answer: Awaited<ReturnType<Harness["post"]>>,
    status: number,
    code: string,
  ) => {
    expect(answer.json).toMatchObject({
      jsonrpc: "2.0",
      error: { data: { code, requestId: expect.stringMatching(/^req_/) as string } },
    });
    expect((answer.json as { error: { data: { hint: string } } }).error.data.hint.length).toBeGreaterThan(5);
    expect(answer.status).toBe(status);
    expect(from.node.received()).toBe(0);
    await from.gateway.metering.shipAll();
    expect(from.edge.records()).toEqual([]);
  };

  it("401 without, with a malformed, an unknown, a revoked and an expired key", async () => {
    const g = await start();
    await expectRefusal(g, await g.post(read, { headers: {} }), 401, "credential.missing");
    await expectRefusal(g, await g.post(read, { headers: { "x-api-key": "ptl_nonsense" } }), 401, "credential.invalid");
    await expectRefusal(g, await g.post(read, { headers: { "x-api-key": newSecret() } }), 401, "credential.invalid");
    await expectRefusal(
      g,
      await g.post(read, { path: `/chn_1/${newSecret()}`, headers: {} }),
      401,
      "credential.invalid",
    );
    g.edge.change({ kind: "key", key: edgeKey(g.secret, { version: "2", expiresAt: "2020-01-01T00:00:00.000Z" }) });
    await expectRefusal(g, await g.post(read), 401, "credential.expired");
    g.edge.change({ kind: "key", key: edgeKey(g.secret, { version: "3", isRevoked: true }) });
    await expectRefusal(g, await g.post(read), 401, "credential.invalid");
    // An older message that arrives late does not bring it back.
    g.edge.change({ kind: "key", key: edgeKey(g.secret, { version: "1" }) });
    await expectRefusal(g, await g.post(read), 401, "credential.invalid");
  });

  it("401 says what was sent instead of a key, without a word of it", async () => {
    const g = await start();
    for (const [kind, begins] of [
      ["serviceAccountKey", "pts_"],
      ["refreshToken", "ptr_"],
    ] as const) {
      const secret = formatCredential(kind, randomBytes(32));
      const answer = await g.post(read, { headers: { "x-api-key": secret } });
      expect(answer.text).toContain(`What begins with ${begins}`);
      expect(answer.text).not.toContain(secret.slice(4, 12));
      await expectRefusal(g, answer, 401, "credential.invalid");
    }
    const token = await g.post(read, { headers: { authorization: "Bearer eyJhbGciOiJIUzI1NiJ9.e30.c2ln" } });
    expect(token.text).toContain("session's access token");
    expect(token.text).not.toContain("eyJ");
    await expectRefusal(g, token, 401, "credential.invalid");
  });

  it("says of a method that is not offered what the policy knows, or where to read", async () => {
    const g = await start();
    expect((await g.call("READ")).json).toMatchObject({
      error: { code: -32601, data: { hint: "Did you mean read?" } },
    });
    expect((await g.call("nope")).json).toMatchObject({
      error: { code: -32601, data: { hint: "docs/frameworks/test.md lists the methods that each plan offers." } },
    });
  });

  it("402 for a suspended and a closed app", async () => {
    const g = await start({ app: { state: "suspended" } });
    await expectRefusal(g, await g.post(read), 402, "app.suspended");
    g.edge.change({ kind: "app", app: edgeApp({ state: "closed", version: "2" }) });
    await expectRefusal(g, await g.post(read), 402, "app.closed");
  });

  it("404 for an unknown chain, one of another app, one of another tenant; 410 for a deleted one", async () => {
    const g = await start();
    await expectRefusal(g, await g.post(read, { path: "/chn_9" }), 404, "resource.not_found");
    await expectRefusal(g, await g.post(read, { path: "/" }), 404, "resource.not_found");
    await expectRefusal(g, await g.post(read, { path: "/a/b/" }), 404, "resource.not_found");
    g.edge.change({ kind: "route", route: edgeRoute(g.nodePort, { version: "2", appId: "app_2" }) });
    await expectRefusal(g, await g.post(read), 404, "resource.not_found");
    g.edge.change({ kind: "route", route: edgeRoute(g.nodePort, { version: "3", tenantId: "ten_2" }) });
    await expectRefusal(g, await g.post(read), 404, "resource.not_found");
    g.edge.change({ kind: "route", route: edgeRoute(g.nodePort, { version: "4", state: "deleted" }) });
    const final = await g.post(read);
    expect(final.text).not.toMatch(/restore|recovery|purge/);
    await expectRefusal(g, final, 410, "chain.deleted");
    const route = edgeRoute(g.nodePort, { version: "5", state: "deleted", plan: "kept" });
    g.edge.change({ kind: "route", route });
    const restorable = await g.post(read);
    expect(restorable.text).toContain("/restore brings it back");
    await expectRefusal(g, restorable, 410, "chain.deleted");
  });

  it("503 with a time to come back for what is not running; a sleeping chain is woken", async () => {
    const g = await start();
    let version = 2;
    for (const [state, code] of [
      ["starting", "chain.starting"],
      ["paused", "chain.paused"],
      ["asleep", "chain.asleep"],
      ["unhealthy", "node.unhealthy"],
    ] as const) {
      g.edge.change({ kind: "route", route: edgeRoute(g.nodePort, { version: String(version++), state }) });
      const answer = await g.post(read);
      expect(Number(answer.headers.get("retry-after"))).toBeGreaterThan(0);
      await expectRefusal(g, answer, 503, code);
    }
    expect(g.edge.wakes).toEqual([{ chainId: "chn_1", reason: "asleep" }]);
  });

  it("403 by the key's lists and scopes", async () => {
    const g = await start({ key: { scopes: ["rpc"] } });
    await expectRefusal(g, await g.call("dev"), 403, "permission.denied");
    const change = (allow: Partial<ReturnType<typeof edgeKey>["allow"]>, version: string) =>
      g.edge.change({
        kind: "key",
        key: edgeKey(g.secret, { version, allow: { origins: [], addresses: [], methods: [], ...allow } }),
      });
    change({ origins: ["https://good.example"] }, "2");
    await expectRefusal(g, await g.post(read), 403, "permission.denied");
    await expectRefusal(
      g,
      await g.post(read, { headers: { "x-api-key": g.secret, origin: "https://bad.example" } }),
      403,
      "permission.denied",
    );
    change({ addresses: ["10.0.0.0/8"] }, "3");
    await expectRefusal(g, await g.post(read), 403, "permission.denied");
    change({ methods: ["echo"] }, "4");
    await expectRefusal(g, await g.post(read), 403, "permission.denied");
    change({ origins: ["https://good.example"], addresses: ["127.0.0.0/8"], methods: ["read"] }, "5");
    expect((await g.post(read, { headers: { "x-api-key": g.secret, origin: "https://good.example" } })).status).toBe(
      200,
    );
  });

  it("413 for a body or a batch that is too large, told or streamed", async () => {
    const g = await start();
    const large = JSON.stringify({ jsonrpc: "2.0", id: 1, method: "read", params: ["x".repeat(70_000)] });
    await expectRefusal(g, await g.post(large), 413, "request.too_large");
    const streamed = await fetch(`${g.url}/chn_1`, {
      method: "POST",
      headers: { "x-api-key": g.secret },
      body: new ReadableStream({
        start: (controller) => {
          for (let index = 0; index < 20; index++) controller.enqueue(Buffer.alloc(10_000, 32));
          controller.close();
        },
      }),
      duplex: "half",
    } as RequestInit);
    expect(streamed.status).toBe(413);
    await expectRefusal(g, await g.post(`[${new Array(51).fill(read).join(",")}]`), 413, "request.too_large");
  });

  it("keeps the specification's errors for what is no request", async () => {
    const g = await start();
    const errorOf = async (body: string | Buffer) => {
      const { status, json } = await g.post(body);
      const { id, error } = json as { id: unknown; error: { code: number } };
      return [status, id, error.code];
    };
    expect(await errorOf("{")).toEqual([400, null, -32700]);
    expect(await errorOf("")).toEqual([400, null, -32700]);
    expect(await errorOf(Buffer.from([0xff, 0xfe, 0x00]))).toEqual([400, null, -32700]);
    expect(
      await errorOf(`{"jsonrpc":"2.0","id":1,"method":"read","params":${"[".repeat(5_000)}${"]".repeat(5_000)}}`),
    ).toEqual([400, null, -32700]);
    expect(await errorOf("[]")).toEqual([200, null, -32600]);
    expect(await errorOf("7")).toEqual([200, null, -32600]);
    expect(await errorOf('{"id":5}')).toEqual([200, 5, -32600]);
    expect(await errorOf('{"jsonrpc":"2.0","id":5,"method":"read","params":"x"}')).toEqual([200, 5, -32600]);
    expect(await errorOf('{"jsonrpc":"2.0","id":5,"method":"read","method":"dev"}')).toEqual([200, 5, -32600]);
    expect(await errorOf('{"jsonrpc":"2.0","id":5,"method":"constructor"}')).toEqual([200, 5, -32601]);
    expect((await g.post("[1]")).json).toMatchObject([{ id: null, error: { code: -32600 } }]);
    expect(g.node.received()).toBe(0);
  });

  it("429 with the time of reset, item by item in a batch", async () => {
    const g = await start({ app: { limits: { unitsPerSecond: 0.02, burstSeconds: 1_000 } } });
    for (let index = 0; index < 20; index++) expect((await g.call("read")).status).toBe(200);
    const answer = await g.call("read");
    expect(answer.status).toBe(429);
    expect(Number(answer.headers.get("retry-after"))).toBeGreaterThan(0);
    expect(answer.headers.get("ratelimit")).toMatch(/^"key";r=0;t=\d+$/);
    expect(answer.json).toMatchObject({ error: { code: -32005, data: { code: "request.rate_limited" } } });
    const { resetAt } = (answer.json as { error: { data: { resetAt: string } } }).error.data;
    expect(Date.parse(resetAt)).toBeGreaterThan(Date.now() - 1_000);
    const batch = await g.post(`[${read},{"jsonrpc":"2.0","id":2,"method":"nope"}]`);
    expect([batch.status, batch.json]).toMatchObject([200, [{ error: { code: -32005 } }, { error: { code: -32601 } }]]);
    expect(g.node.answered.get("read")).toBe(20);
  });

  it("says of WebSocket and other methods what to do instead", async () => {
    const g = await start();
    const get = await fetch(`${g.url}/chn_1`);
    expect(get.status).toBe(405);
    const { request } = await import("node:http");
    const status = await new Promise((resolve) => {
      request(
        `${g.url}/chn_1`,
        {
          headers: {
            connection: "Upgrade",
            upgrade: "websocket",
            "sec-websocket-key": randomUUID(),
            "sec-websocket-version": "13",
          },
        },
        (res) => {
          resolve(res.statusCode);
          res.resume();
        },
      ).end();
    });
    expect(status).toBe(426);
    expect((await fetch(`${g.url}/healthz`)).status).toBe(200);
    expect((await fetch(`${g.url}/readyz`)).status).toBe(200);
  });
});

describe("a call that the node does not answer", () => {
  it("504 in time, 503 for a broken answer; neither is billed, and the connection's end closes the route", async () => {
    const g = await startGateway();
    try {
      const late = await g.call("never");
      expect([late.status, late.json]).toMatchObject([504, { error: { data: { code: "node.timeout" } } }]);
      expect((await g.call("read")).status).toBe(200);
      const garbage = await g.call("garbage");
      expect([garbage.status, garbage.json]).toMatchObject([503, { error: { data: { code: "node.bad_answer" } } }]);
      const broken = await g.call("die");
      expect([broken.status, broken.json]).toMatchObject([503, { error: { data: { code: "node.unhealthy" } } }]);
      // Whatever ended the connection may have come back without its state.
      const before = g.node.received();
      const closed = await g.call("read");
      expect([closed.status, closed.json]).toMatchObject([503, { error: { data: { code: "node.unhealthy" } } }]);
      expect(g.node.received()).toBe(before);
      expect(g.edge.wakes).toContainEqual({ chainId: "chn_1", reason: "suspect" });
      g.edge.change({ kind: "route", route: edgeRoute(g.nodePort, { version: "1" }) });
      expect((await g.call("read")).status).toBe(503);
      g.edge.change({ kind: "route", route: edgeRoute(g.nodePort, { version: "2" }) });
      expect((await g.call("read")).status).toBe(200);
      await g.gateway.metering.shipAll();
      expect(sumByMethod(g.edge.records())).toEqual({ read: { count: 2, quantity: 20 } });
    } finally {
      await g.close();
    }
  });

  it("a node that goes while nobody calls closes its route, also when another comes back on the port", async () => {
    const g = await startGateway();
    try {
      await g.node.close();
      await g.node.listen(g.nodePort);
      await eventually(() => g.edge.wakes.length > 0);
      expect((await g.call("read")).status).toBe(503);
      expect(g.node.received()).toBe(0);
    } finally {
      await g.close();
    }
  });

  it("still ends in time when the route closes meanwhile", async () => {
    const g = await startGateway();
    try {
      const hanging = g.call("never");
      await eventually(() => g.node.received() === 1);
      g.edge.change({ kind: "route", route: edgeRoute(g.nodePort, { version: "2", state: "paused" }) });
      expect((await hanging).status).toBe(504);
    } finally {
      await g.close();
    }
  });

  const load = (...params: unknown[]) => ({ jsonrpc: "2.0", id: 1, method: "load", params });
  const busy = { code: -32005, data: { code: "method.bound", hint: expect.stringContaining("again") as string } };

  it("sends a node one state at a time, and the next when that one is answered, refused or lost", async () => {
    const g = await startGateway();
    /** Once the state before it is done with, which is a moment after its answer. */
    const whenFree = async (param: string) => {
      let json: unknown;
      await eventually(async () => {
        json = (await g.call("load", [param])).json;
        return !JSON.stringify(json).includes("-32005");
      });
      return json;
    };
    try {
      const first = g.call("load", ["state"]);
      await eventually(() => g.node.received() === 1);
      expect((await g.call("load", ["state"])).json).toMatchObject({ error: busy });
      expect((await g.call("load", ["bomb"])).json).toMatchObject({ error: busy });
      expect((await g.call("read")).json).toMatchObject({ result: "0x4" });
      expect((await first).json).toMatchObject({ result: "0x4" });

      const batch = await g.post(JSON.stringify([load("a"), load("b"), { ...load(), method: "read" }]));
      expect(batch.json).toMatchObject([{ result: "0x4" }, { error: busy }, { result: "0x4" }]);
      expect(await whenFree("bomb")).toMatchObject({ error: { code: -32602 } });
      expect(await whenFree("state")).toMatchObject({ result: "0x4" });
      expect(g.node.answered.get("load")).toBe(3);

      const lost = await g.post(JSON.stringify([{ ...load(), method: "die" }, load("state")]));
      expect(lost.json).toMatchObject([{ error: { code: -32002 } }, { error: { code: -32002 } }]);
      expect((await g.call("load", ["state"])).status).toBe(503);
      g.edge.change({ kind: "route", route: edgeRoute(g.nodePort, { version: "2" }) });
      await eventually(async () => (await g.call("load", ["state"])).status === 200);
      expect(await whenFree("state")).toMatchObject({ result: "0x4" });
    } finally {
      await g.close();
    }
  });

  it("counts a state against the rate before it looks into it", async () => {
    const g = await startGateway({ app: { limits: { unitsPerSecond: 0.01, burstSeconds: 100 } } });
    try {
      expect((await g.call("load", ["bomb"])).json).toMatchObject({ error: { code: -32602 } });
      await new Promise((resolve) => setTimeout(resolve, 30));
      expect((await g.call("load", ["bomb"])).status).toBe(429);
    } finally {
      await g.close();
    }
  });

  it("bounds the snapshots of a chain, and counts down when they are reverted", async () => {
    const g = await startGateway();
    try {
      for (let index = 0; index < 100; index++)
        expect((await g.call("snapshot")).json).toMatchObject({ result: `0x${index.toString(16)}` });
      expect((await g.call("snapshot")).json).toMatchObject({
        error: { code: -32005, data: { code: "method.bound" } },
      });
      expect((await g.call("revert", ["0x32"])).json).toMatchObject({ result: true });
      expect((await g.call("snapshot")).json).toMatchObject({ result: "0x64" });
    } finally {
      await g.close();
    }
  });
});
