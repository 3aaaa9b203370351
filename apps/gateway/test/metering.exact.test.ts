import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { Agent, request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { UsageBatch } from "@portolan/contract";
import { afterAll, describe, expect, it } from "vitest";
import { createFakeNode } from "./fake-node.ts";
import { eventually, startGateway } from "./harness.ts";
import { createMemoryEdge, edgeApp, edgeKey, edgeRoute, newSecret, sumByMethod } from "./memory-edge.ts";
import { testPolicy } from "./test-policy.ts";

/** mulberry32: the same calls in every run of the same seed. */
const seeded = (seed: number) => (): number => {
  seed = (seed + 0x6d2b79f5) | 0;
  let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
  t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
  return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
};

const methods = ["cheap", "read", "read", "read", "dear", "fail", "echo", "send", "ranged", "nope", "accounts"];
const refused = new Set(["nope", "accounts"]);

const makeBody = (random: () => number): { body: string; forwarded: number } => {
  const pick = (): string => methods[Math.floor(random() * methods.length)] ?? "read";
  const item = (method: string, id: number): string =>
    `{"jsonrpc":"2.0",${random() < 0.1 ? "" : `"id":${random() < 0.2 ? `${id}.0` : id},`}"method":"${method}","params":[${method === "ranged" ? 500 : ""}]}`;
  const size = random() < 0.7 ? 0 : 1 + Math.floor(random() * 50);
  const names = size === 0 ? [pick()] : Array.from({ length: size }, pick);
  const forwarded = names.filter((name) => !refused.has(name)).length;
  return { body: size === 0 ? item(names[0] ?? "", 1) : `[${names.map(item).join(",")}]`, forwarded };
};

const agent = new Agent({ keepAlive: true, maxSockets: 32 });
afterAll(() => agent.destroy());

/** Answers whether a whole answer came. */
const post = (port: number, secret: string, body: string): Promise<boolean> =>
  new Promise((resolve) => {
    const req = request(
      {
        agent,
        port,
        host: "127.0.0.1",
        path: "/chn_1",
        method: "POST",
        headers: { "x-api-key": secret, "content-length": Buffer.byteLength(body) },
      },
      (res) => {
        res.on("error", () => resolve(false));
        res.on("end", () => resolve(res.complete && (res.statusCode ?? 500) < 300));
        res.on("close", () => resolve(false));
        res.resume();
      },
    );
    req.on("error", () => resolve(false));
    req.end(body);
  });

describe("the meter against a count at the node", () => {
  it("differs by 0 over 20,000 mixed forwarded calls, while the centre comes and goes", async () => {
    const gateway = await startGateway({ settings: { windowMs: 200, tickMs: 20 } });
    try {
      const random = seeded(7);
      let sent = 0;
      let turn = 0;
      const client = async (): Promise<void> => {
        while (sent < 20_000) {
          const { body, forwarded } = makeBody(random);
          sent += forwarded;
          gateway.edge.setAway(++turn % 400 < 150);
          expect(await post(gateway.port, gateway.secret, body)).toBe(true);
        }
      };
      await Promise.all(Array.from({ length: 24 }, client));
      gateway.edge.setAway(false);
      while ((await gateway.gateway.metering.shipAll()).left > 0);
      const billed = sumByMethod(gateway.edge.records());
      expect(gateway.node.total()).toBeGreaterThanOrEqual(20_000);
      for (const [method, count] of gateway.node.answered) {
        const verdict = testPolicy.verdict(method, "dev");
        const weight = (verdict.kind === "forward" ? verdict.weight : 0) + testPolicy.surcharge(method, [500]);
        expect([method, billed[method]]).toEqual([method, { count, quantity: count * weight }]);
      }
      expect(Object.keys(billed).filter((method) => !gateway.node.answered.has(method))).toEqual(["accounts"]);
    } finally {
      await gateway.close();
    }
  }, 600_000);

  it("keeps every answered call through kill -9 at random moments, and doubles none", async () => {
    const kills = Number(process.env["PORTOLAN_TEST_KILLS"] ?? 10);
    const node = createFakeNode();
    const nodePort = await node.listen();
    const secret = newSecret();
    const dir = mkdtempSync(join(tmpdir(), "gateway-kill-"));
    const edge = createMemoryEdge({});
    const snapshot = JSON.stringify({
      takenAt: "",
      routes: [edgeRoute(nodePort)],
      keys: [edgeKey(secret)],
      apps: [edgeApp()],
    });
    const random = seeded(11);
    let child: ChildProcess | undefined;
    const startChild = async (): Promise<{ child: ChildProcess; port: number }> => {
      const started = fork(join(import.meta.dirname, "gateway-child.ts"), [dir, snapshot], {
        stdio: ["ignore", "ignore", "inherit", "ipc"],
      });
      child = started;
      const ready = new Promise<number>((resolve, reject) => {
        started.once("exit", () => reject(new Error("the gateway ended before it was ready")));
        started.on("message", (message: { port?: number; ask?: number; batch?: UsageBatch }) => {
          if (message.port !== undefined) resolve(message.port);
          const { ask, batch } = message;
          if (ask === undefined || batch === undefined) return;
          void edge.port.shipUsage(batch).then(({ isDuplicate }) => {
            // A killed child is not there to hear it; its next life sends the batch again.
            if (started.connected) started.send({ acked: ask, isDuplicate }, () => undefined);
          });
        });
      });
      ready.catch(() => undefined);
      return { child: started, port: await ready };
    };
    let answered = 0;
    let inFlightAtKills = 0;
    try {
      for (let kill = 0; kill < kills; kill++) {
        const life = await startChild();
        let isOver = false;
        let inFlight = 0;
        const client = async (): Promise<void> => {
          while (!isOver) {
            const { body, forwarded } = makeBody(random);
            inFlight += forwarded;
            const isAnswered = await post(life.port, secret, body);
            if (isAnswered) answered += forwarded;
            if (!isOver) inFlight -= forwarded;
          }
        };
        const clients = Array.from({ length: 12 }, client);
        // At work, whenever a busy machine comes to that; then at any moment.
        const enough = answered + 20;
        await eventually(() => answered >= enough);
        await new Promise((resolve) => setTimeout(resolve, 50 + random() * 350));
        isOver = true;
        inFlightAtKills += inFlight;
        const ended = once(life.child, "exit");
        life.child.kill("SIGKILL");
        await Promise.all([ended, ...clients]);
      }
      const last = await startChild();
      const ended = once(last.child, "exit");
      last.child.kill("SIGTERM");
      await ended;
      const billed = edge
        .records()
        .filter(({ method }) => method !== "accounts")
        .reduce((sum, { count }) => sum + Number(count), 0);
      expect(answered).toBeGreaterThan(100);
      expect(billed).toBeGreaterThanOrEqual(answered);
      expect(node.total() - billed).toBeGreaterThanOrEqual(0);
      expect(node.total() - billed).toBeLessThanOrEqual(inFlightAtKills);
    } finally {
      child?.kill("SIGKILL");
      await node.close();
      rmSync(dir, { recursive: true, force: true });
    }
  }, 600_000);
});
