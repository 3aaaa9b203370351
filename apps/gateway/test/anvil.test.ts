import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createRequire } from "node:module";
import { gzipSync } from "node:zlib";
import { findFramework } from "@portolan/frameworks";
import { freePort } from "@portolan/testing";
import { afterAll, beforeAll, expect, it } from "vitest";
import { eventually, type Harness, startGateway } from "./harness.ts";
import { edgeRoute } from "./memory-edge.ts";

/** The native program from npm; the wrapper script would only cost time. */
const program = createRequire(import.meta.url).resolve(
  `@foundry-rs/anvil-${process.platform}-${process.arch === "x64" ? "amd64" : process.arch}/bin/anvil`,
);

let anvil: ChildProcess;
let port: number;
let gateway: Harness;

const startAnvil = async (): Promise<void> => {
  anvil = spawn(program, ["--port", String(port), "--silent"], { stdio: "ignore" });
  await eventually(() =>
    fetch(`http://127.0.0.1:${port}`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: '{"jsonrpc":"2.0","id":1,"method":"eth_chainId"}',
    }).then(
      (answer) => answer.ok,
      () => false,
    ),
  );
};

beforeAll(async () => {
  port = await freePort();
  await startAnvil();
  gateway = await startGateway({ frameworks: { protocols: (slug) => findFramework(slug)?.protocols ?? [] } });
  gateway.edge.change({ kind: "route", route: edgeRoute(port, { framework: "anvil", version: "2" }) });
});
afterAll(async () => {
  anvil.kill("SIGKILL");
  await gateway.close();
});

it("keeps ids that anvil would change or refuse, in singles and batches", async () => {
  for (const id of ["12345678901234567890123", "1.0", "null", '"\\u00e9"', "7"]) {
    const single = await gateway.post(`{"jsonrpc":"2.0","id":${id},"method":"eth_chainId","params":[]}`);
    expect(single.text).toBe(`{"jsonrpc":"2.0","id":${id},"result":"0x7a69"}`);
    const batch = await gateway.post(
      `[{"jsonrpc":"2.0","id":${id},"method":"eth_chainId"},{"jsonrpc":"2.0","method":"eth_blockNumber"},{"jsonrpc":"2.0","id":${id},"method":"anvil_setRpcUrl","params":["http://x"]}]`,
    );
    expect(
      batch.text.startsWith(
        `[{"jsonrpc":"2.0","id":${id},"result":"0x7a69"},{"jsonrpc":"2.0","id":${id},"error":{"code":-32601`,
      ),
    ).toBe(true);
  }
});

it("bounds and frees snapshots by what anvil answers", async () => {
  const { json } = await gateway.call("evm_snapshot");
  const { result } = json as { result: string };
  expect(result).toMatch(/^0x/);
  expect((await gateway.call("evm_revert", [result])).json).toMatchObject({ result: true });
});

it("lets a state through that anvil dumped, and no gzip bomb", async () => {
  const { json } = await gateway.call("anvil_dumpState");
  const { result } = json as { result: string };
  expect((await gateway.call("anvil_loadState", [result])).json).toMatchObject({ result: true });
  const bomb = `0x${gzipSync(Buffer.alloc(256 * 1_048_576, " ")).toString("hex")}`;
  expect(bomb.length).toBeLessThan(1_048_576);
  for (const method of ["anvil_loadState", "hardhat_loadState"]) {
    await eventually(async () => {
      const { error } = (await gateway.call(method, [bomb])).json as { error: { code: number } };
      return error.code === -32602;
    });
  }
});

it("refuses a simulation whose object is sent as a list", async () => {
  const many = new Array(300).fill({ calls: [] });
  expect((await gateway.call("eth_simulateV1", [[many, false, false, false], "latest"])).json).toMatchObject({
    error: { code: -32602, data: { code: "method.bound" } },
  });
});

it("is not fooled by an anvil that was killed and started again without its state", async () => {
  await gateway.call("anvil_mine", ["0x5"]);
  expect((await gateway.call("eth_blockNumber")).json).toMatchObject({ result: "0x5" });
  const ended = once(anvil, "exit");
  anvil.kill("SIGKILL");
  await ended;
  await startAnvil();
  const answer = await gateway.call("eth_blockNumber");
  expect([answer.status, answer.json]).toMatchObject([503, { error: { data: { code: "node.unhealthy" } } }]);
  expect(gateway.edge.wakes).toContainEqual({ chainId: "chn_1", reason: "suspect" });
  gateway.edge.change({ kind: "route", route: edgeRoute(port, { framework: "anvil", version: "3" }) });
  expect((await gateway.call("eth_blockNumber")).json).toMatchObject({ result: "0x0" });
});
