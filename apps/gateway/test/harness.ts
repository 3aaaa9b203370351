import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { EdgeApp, EdgeKey, EdgeRoute } from "@portolan/contract";
import { systemClock } from "@portolan/domain";
import { createLogger } from "@portolan/kit";
import { buildGateway, type FrameworkTable, type GatewaySettings } from "../src/index.ts";
import { createFakeNode } from "./fake-node.ts";
import { createMemoryEdge, edgeApp, edgeKey, edgeRoute, newSecret } from "./memory-edge.ts";
import { testFrameworks } from "./test-policy.ts";

export interface Answer {
  status: number;
  headers: Headers;
  text: string;
  json: unknown;
}

/** A gateway with its node and its centre, and a way to call it. `close` ends all three. */
export const startGateway = async (
  over: {
    key?: Partial<EdgeKey>;
    app?: Partial<EdgeApp>;
    route?: Partial<EdgeRoute>;
    settings?: Partial<GatewaySettings>;
    dir?: string;
    frameworks?: FrameworkTable;
  } = {},
) => {
  const node = createFakeNode();
  const nodePort = await node.listen();
  const secret = newSecret();
  const edge = createMemoryEdge({
    routes: [edgeRoute(nodePort, over.route)],
    keys: [edgeKey(secret, over.key)],
    apps: [edgeApp(over.app)],
  });
  const dir = over.dir ?? mkdtempSync(join(tmpdir(), "gateway-"));
  const lines: string[] = [];
  const gateway = buildGateway(
    {
      port: edge.port,
      frameworks: over.frameworks ?? testFrameworks,
      log: createLogger({ name: "gateway", destination: { write: (line) => lines.push(line) } }),
      clock: systemClock,
      random: { bytes: (size) => randomBytes(size) },
    },
    { region: "local", dir, host: "127.0.0.1", httpPort: 0, ...over.settings },
  );
  const { port, streamPort, grpcPort } = await gateway.start();
  const url = `http://127.0.0.1:${port}`;
  const post = async (
    body: string | Buffer,
    options: { path?: string; headers?: Record<string, string> } = {},
  ): Promise<Answer> => {
    const { path = "/chn_1", headers = { "x-api-key": secret } } = options;
    const answer = await fetch(`${url}${path}`, {
      method: "POST",
      body,
      headers: { "content-type": "application/json", ...headers },
    });
    const text = await answer.text();
    return {
      status: answer.status,
      headers: answer.headers,
      text,
      json: text === "" ? undefined : (JSON.parse(text) as unknown),
    };
  };
  const call = (method: string, params: unknown = [], id: unknown = 1): Promise<Answer> =>
    post(JSON.stringify({ jsonrpc: "2.0", id, method, params }));
  return {
    node,
    nodePort,
    secret,
    edge,
    dir,
    gateway,
    url,
    port,
    streamPort,
    grpcPort,
    lines,
    post,
    call,
    close: async () => {
      await gateway.stop();
      await node.close();
      rmSync(dir, { recursive: true, force: true });
    },
  };
};

export type Harness = Awaited<ReturnType<typeof startGateway>>;

/** Waits until `check` holds; fails after half a minute. */
export const eventually = async (check: () => boolean | Promise<boolean>, timeoutMs = 30_000): Promise<void> => {
  const endsAt = performance.now() + timeoutMs;
  while (!(await check())) {
    if (performance.now() > endsAt) throw new Error("it did not come true in time");
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
};
