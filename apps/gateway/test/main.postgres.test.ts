import { fork } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createClients } from "@portolan/store";
import { testDatabase } from "@portolan/testing";
import { afterAll, expect, it } from "vitest";
import { createFakeNode } from "./fake-node.ts";
import { eventually } from "./harness.ts";
import { hashOf, newSecret } from "./memory-edge.ts";

const database = await testDatabase();
const { system, close } = createClients({ appUrl: database.urls.app, systemUrl: database.urls.system });
afterAll(close);

it("serves from Postgres, hears of changes within a second, ships usage, and stops in order", async () => {
  const node = createFakeNode();
  const nodePort = await node.listen();
  const secret = newSecret();
  const home = mkdtempSync(join(tmpdir(), "gateway-main-"));
  await system.app.create({ data: { id: "app_1", tenantId: "ten_1", name: "shop" } });
  const others = [newSecret(), newSecret()];
  for (const [index, own] of [secret, ...others].entries()) {
    await system.key.create({
      data: {
        id: `key_${index + 1}`,
        tenantId: "ten_1",
        appId: "app_1",
        name: "k",
        prefix: own.slice(0, 8),
        secretHash: hashOf(own),
        scopes: ["rpc"],
        allow: {},
      },
    });
  }
  const target = { region: "local", node: "node-0", port: "rpc", host: "127.0.0.1", number: nodePort };
  await system.chain.create({
    data: {
      id: "chn_1",
      tenantId: "ten_1",
      appId: "app_1",
      name: "ledger",
      framework: "anvil",
      version: "1.7.1",
      plan: "dev",
      hosting: "dedicated",
      regions: ["local"],
      settings: {},
      route: { state: "open", reason: "", targets: { "json-rpc": [target] }, facts: {} },
      routeVersion: 1n,
    },
  });
  const child = fork(join(import.meta.dirname, "../src/main.ts"), [], {
    env: {
      ...process.env,
      PORTOLAN_HOME: home,
      PORTOLAN_GATEWAY_PORT: "0",
      PORTOLAN_EDGE_DATABASE_URL: database.urls.system,
      PORTOLAN_LOG_LEVEL: "warn",
    },
    stdio: ["ignore", "ignore", "inherit", "ipc"],
  });
  const ended = once(child, "exit");
  try {
    const [ready] = (await once(child, "message")) as [{ ready: boolean; port: number }];
    expect(ready.ready).toBe(true);
    const call = (own = secret) =>
      fetch(`http://127.0.0.1:${ready.port}/chn_1`, {
        method: "POST",
        body: '{"jsonrpc":"2.0","id":1,"method":"eth_chainId"}',
        headers: { "x-api-key": own },
      });
    expect((await call()).status).toBe(200);
    expect((await fetch(`http://127.0.0.1:${ready.port}/readyz`)).status).toBe(200);
    await eventually(async () => (await system.requestLog.count({ where: { appId: "app_1" } })) > 0);
    // The quickest of three: what the machine is busy with besides is not the gateway's.
    const heardMs: number[] = [];
    for (const [index, own] of [secret, ...others].entries()) {
      expect((await call(own)).status).toBe(200);
      const change = { revokedAt: new Date(), version: { increment: 1 } };
      await system.key.update({ where: { id: `key_${index + 1}` }, data: change });
      const revokedAt = performance.now();
      await eventually(async () => (await call(own)).status === 401);
      heardMs.push(performance.now() - revokedAt);
    }
    expect(Math.min(...heardMs)).toBeLessThan(1_000);
    child.kill("SIGTERM");
    expect((await ended)[0]).toBe(0);
    const sums = await system.usageHourly.findMany({ where: { appId: "app_1", sku: "rpc.compute" } });
    expect(new Set(sums.map(({ method }) => method))).toEqual(new Set(["eth_chainId"]));
    expect(sums.reduce((sum, { count }) => sum + Number(count), 0)).toBe(node.answered.get("eth_chainId"));
  } finally {
    child.kill("SIGKILL");
    await node.close();
    rmSync(home, { recursive: true, force: true });
  }
});
