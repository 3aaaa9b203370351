import { get, type IncomingMessage } from "node:http";
import { connect } from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import { eventually, type Harness, startGateway } from "./harness.ts";
import { type HttpTestNode, httpFrameworks, httpTarget, startHttpNode } from "./http-node.ts";
import { edgeApp, edgeKey, edgeRoute } from "./memory-edge.ts";

let harness: Harness;
let node: HttpTestNode;

const start = async (
  answer?: Parameters<typeof startHttpNode>[0],
  settings = {},
  timeoutMs?: number,
): Promise<void> => {
  node = await startHttpNode(answer ?? ((_seen, res) => void res.write('{"n":0}\n')));
  harness = await startGateway({
    frameworks: httpFrameworks(undefined, timeoutMs),
    settings: { drainMs: 300, ...settings },
    route: { targets: { http: [httpTarget(node.port)] } },
  });
};
afterEach(async () => {
  await harness.close();
  await node.close();
});

/** Opens a stream; what came is in `text`, and `ended` tells how it went. */
const watch = async (path = "/watch/things", secret = harness.secret) => {
  const answer = await new Promise<IncomingMessage>((resolve, reject) => {
    const url = `${harness.url}/chn_1${path}`;
    get(url, { headers: { "x-api-key": secret }, agent: false }, resolve).on("error", reject);
  });
  const seen = { text: "", ended: "" };
  answer.setEncoding("utf8");
  answer.on("data", (chunk: string) => {
    seen.text += chunk;
  });
  answer.on("end", () => {
    seen.ended ||= "whole";
  });
  answer.on("error", () => {
    seen.ended ||= "cut";
  });
  return { answer, seen };
};
const say = (text: string): void => {
  for (const res of node.open) res.write(text);
};
const records = async () => {
  while ((await harness.gateway.metering.shipAll()).left > 0);
  return harness.edge.records().map(({ method, quantity, count }) => [method, quantity, count]);
};

describe("streams of nodes that are called by verb and path", () => {
  it("come as the node says them, and cost their opening, their first minute and each line", async () => {
    await start();
    const { answer, seen } = await watch();
    expect(answer.headers).toMatchObject({ "content-type": "application/json", "cache-control": "no-store" });
    await eventually(() => seen.text === '{"n":0}\n');
    say('{"n":1}\n{"n"');
    await eventually(() => seen.text.endsWith('{"n"'));
    say(":2}\n\n");
    await eventually(() => seen.text === '{"n":0}\n{"n":1}\n{"n":2}\n\n');
    for (const res of node.open) res.end();
    await eventually(() => seen.ended === "whole");
    // 10 for the opening, 30 for a minute, three lines of 2.
    expect(await records()).toEqual([["watch_things", "46", "1"]]);
  });

  it("cost by size what is longer than a line may be", async () => {
    await start((_seen, res) => void res.end(`${"x".repeat(3_500)}\n`));
    const { seen } = await watch();
    await eventually(() => seen.ended === "whole");
    expect(await records()).toEqual([["watch_things", "48", "1"]]);
  });

  it("end at the node when the caller is gone", async () => {
    await start();
    const { answer, seen } = await watch();
    await eventually(() => seen.text !== "");
    answer.destroy();
    await eventually(() => node.cut() === 1);
    expect(node.open.size).toBe(0);
  });

  it.each([
    [
      "the key is revoked",
      () => ({ kind: "key" as const, key: edgeKey(harness.secret, { version: "2", isRevoked: true }) }),
    ],
    [
      "the key is not for them any more",
      () => {
        const allow = { origins: [], addresses: [], methods: ["thing"] };
        return { kind: "key" as const, key: edgeKey(harness.secret, { version: "2", allow }) };
      },
    ],
    ["the app is suspended", () => ({ kind: "app" as const, app: edgeApp({ version: "2", state: "suspended" }) })],
    ["the app is closed", () => ({ kind: "app" as const, app: edgeApp({ version: "2", state: "closed" }) })],
    [
      "the chain is paused",
      () => ({ kind: "route" as const, route: edgeRoute(1, { version: "2", state: "paused", targets: {} }) }),
    ],
    ["the chain is gone", () => ({ kind: "routeRemoved" as const, chainId: "chn_1" })],
  ])("are cut on both sides when %s", async (_why, change) => {
    await start();
    const { seen } = await watch();
    await eventually(() => seen.text !== "");
    harness.edge.change(change());
    await eventually(() => seen.ended === "cut" && node.cut() === 1);
  });

  it("go on when something of the chain changes that is none of theirs", async () => {
    await start();
    const { seen } = await watch();
    await eventually(() => seen.text !== "");
    const route = edgeRoute(1, { version: "2", targets: { http: [httpTarget(node.port)] }, facts: { other: "1" } });
    harness.edge.change({ kind: "route", route });
    say("more\n");
    await eventually(() => seen.text.endsWith("more\n"));
    expect(node.cut()).toBe(0);
  });

  it("are cut when the gateway stops, and none is opened any more", async () => {
    await start();
    const { seen } = await watch();
    await eventually(() => seen.text !== "");
    await harness.gateway.stop();
    expect(node.cut()).toBe(1);
    await eventually(() => seen.ended === "cut");
  });

  it("show that the node broke off", async () => {
    await start();
    const { seen } = await watch();
    await eventually(() => seen.text !== "");
    for (const socket of node.sockets) socket.destroy();
    await eventually(() => seen.ended === "cut");
  });

  it("are so many for a key, and so many for a chain", async () => {
    await start();
    const [one] = [await watch(), await watch()];
    const third = await watch();
    expect(third.answer.statusCode).toBe(429);
    await eventually(() => third.seen.text.includes("request.rate_limited"));
    one?.answer.destroy();
    await eventually(() => node.open.size === 1);
    await eventually(async () => (await watch()).answer.statusCode === 200);
  });

  it("are refused by the node in its own words, which counts as a call; and by a node that fails, which does not", async () => {
    await start(({ target }, res) => res.writeHead(target.endsWith("bad") ? 404 : 503).end("[1]"));
    const { answer, seen } = await watch("/watch/bad");
    await eventually(() => seen.ended === "whole");
    expect([answer.statusCode, seen.text]).toEqual([404, "[1]"]);
    const failed = await watch("/watch/failing");
    await eventually(() => failed.seen.ended === "whole");
    expect([failed.answer.statusCode, failed.seen.text]).toEqual([503, expect.stringContaining("node.bad_answer")]);
    expect(await records()).toEqual([["watch_things", "10", "1"]]);
  });

  it("are refused where the node's own refusal never comes to its end", async () => {
    await start((_seen, res) => void res.writeHead(404).write('[{"id":"none"}'), {}, 200);
    const { answer, seen } = await watch();
    await eventually(() => seen.ended === "whole");
    expect(answer.statusCode).toBe(503);
    expect(seen.text).toContain("node.unhealthy");
  });

  it("hold the node back while the caller doesn't read, and go on when it does", async () => {
    const line = `${"x".repeat(999)}\n`;
    const lines = 100_000;
    let written = 0;
    await start((_seen, res) => {
      const pour = (): void => {
        while (written < lines) {
          written += 1;
          if (!res.write(line)) return;
        }
        res.end();
      };
      res.on("drain", pour);
      pour();
    });
    const caller = connect(harness.port, "127.0.0.1");
    caller.on("error", () => undefined);
    caller.pause();
    caller.write(`GET /chn_1/watch/all HTTP/1.1\r\nhost: a\r\nx-api-key: ${harness.secret}\r\n\r\n`);
    let last = -1;
    let same = 0;
    await eventually(() => {
      same = written > 0 && written === last ? same + 1 : 0;
      last = written;
      return same === 50;
    });
    // What the sockets in between hold; not a hundred megabytes in the gateway.
    expect(written).toBeLessThan(lines / 3);
    caller.resume();
    await eventually(() => written === lines);
    caller.destroy();
  });

  it("are cut for a caller that never reads", async () => {
    await start(
      (_seen, res) => {
        const pour = (): void => {
          while (res.write("x".repeat(10_000)));
        };
        res.on("drain", pour);
        pour();
      },
      { stalledMs: 200 },
    );
    const caller = connect(harness.port, "127.0.0.1");
    caller.on("error", () => undefined);
    caller.pause();
    caller.write(`GET /chn_1/watch/all HTTP/1.1\r\nhost: a\r\nx-api-key: ${harness.secret}\r\n\r\n`);
    await eventually(() => node.cut() === 1);
    caller.destroy();
  });

  it("use up the key's rate line by line", async () => {
    await start((_seen, res) => void res.write("x\n".repeat(15)));
    // A bucket of 50 that takes five seconds to fill.
    const limits = { unitsPerSecond: 1, burstSeconds: 5 };
    harness.edge.change({ kind: "app", app: edgeApp({ version: "2", limits }) });
    const { seen } = await watch();
    await eventually(() => seen.text.length === 30);
    // Opening and lines took 40; this needs 20.
    const call = await watch("/dear");
    expect(call.answer.statusCode).toBe(429);
  });

  it("wait for the key's rate, and the node with them", async () => {
    await start((_seen, res) => void res.write("x\n".repeat(40)));
    const limits = { unitsPerSecond: 5, burstSeconds: 1 };
    harness.edge.change({ kind: "app", app: edgeApp({ version: "2", limits }) });
    const { seen } = await watch();
    // The opening took 10 of 50; forty lines cost 80, which is more than the bucket ever holds: they wait for it to be full.
    await eventually(() => seen.text.length === 80);
    expect((await records())[0]?.[1]).toBe("120");
  });
});
