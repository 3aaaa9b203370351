import { connect } from "node:net";
import { expect, test } from "vitest";
import { Crash, crashAt } from "./support/intercept.ts";
import { leaseMs } from "./support/plane.ts";
import { type ProcessPlane, processPlane, programsOf } from "./support/process-plane.ts";
import { settleSlowly } from "./support/settle.ts";
import { changeChain, lastOperation, type TestChain, wishChain } from "./support/wishes.ts";

const plane: ProcessPlane = await processPlane();
const longMs = 600_000;

const isOver = (chain: TestChain) => async () => (await lastOperation(plane, chain)).state === "succeeded";
const isPhase = (chain: TestChain, phase: string) => async () =>
  (await plane.client.chain.findUniqueOrThrow({ where: { id: chain.id } })).phase === phase;

const routeOf = async (chain: TestChain) =>
  (await plane.edge.snapshot("local")).routes.find((route) => route.chainId === chain.id);

const target = async (chain: TestChain, protocol: string): Promise<{ host: string; port: number }> => {
  const via = (await routeOf(chain))?.targets[protocol]?.[0]?.via;
  if (via?.kind !== "address") throw new Error("the chain has no route");
  return via;
};

const rpc = async (chain: TestChain, method: string, params: unknown[] = []): Promise<unknown> => {
  const { host, port } = await target(chain, "json-rpc");
  const body = JSON.stringify({ jsonrpc: "2.0", id: 1, method, params });
  const response = await fetch(`http://${host}:${port}`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body,
  });
  return ((await response.json()) as { result: unknown }).result;
};

const say = async (chain: TestChain, line: string): Promise<string> => {
  const { host, port } = await target(chain, "stream");
  return new Promise((resolve, reject) => {
    const socket = connect(port, host, () => socket.write(`${line}\n`));
    socket.once("error", reject);
    socket.once("data", (data) => {
      socket.destroy();
      resolve(data.toString("utf8").trim());
    });
  });
};

const countOf = (chain: TestChain, name: string) =>
  programsOf(plane.home, chain).filter((program) => program.process === name).length;

const remove = async (chain: TestChain) => {
  await changeChain(plane, chain, { kind: "chain.delete", wish: "deleted" });
  await settleSlowly(plane, plane.worker(), isPhase(chain, "purged"));
  expect(programsOf(plane.home, chain)).toEqual([]);
};

test("the fake network runs as real programs, answers its stream, and comes back when it is killed", {
  timeout: longMs,
}, async () => {
  const chain = await wishChain(plane, { settings: { leaves: 1 }, plan: "dev" });
  const worker = plane.worker();
  await settleSlowly(plane, worker, isOver(chain));
  expect(
    programsOf(plane.home, chain)
      .map(({ node, process }) => `${node}/${process}`)
      .sort(),
  ).toEqual(["hub-0/node", "hub-0/scribe", "leaf-0/node", "leaf-0/scribe"]);
  expect(await say(chain, "hello")).toBe("hub-0 1 hello");
  const before = Number((await routeOf(chain))?.version);
  const hub = programsOf(plane.home, chain).find(({ node, process }) => node === "hub-0" && process === "node");
  process.kill(hub?.pid ?? 0, "SIGKILL");
  const isNew = async () => {
    const route = await routeOf(chain);
    return route?.state === "open" && Number(route.version) > before + 1;
  };
  await settleSlowly(plane, worker, isNew);
  // Its disk was kept, and no program is there twice.
  expect(await say(chain, "again")).toBe("hub-0 2 again");
  // The scribe is no part of the route: it may come a pass later.
  await settleSlowly(plane, worker, async () => programsOf(plane.home, chain).length >= 4);
  expect(programsOf(plane.home, chain)).toHaveLength(4);
  await remove(chain);
});

test("anvil: wherever the worker dies in a create, one anvil runs afterwards, and the chain answers", {
  timeout: longMs,
}, async () => {
  const stride = process.env["PORTOLAN_CRASHES"] === "all" ? 1 : 8;
  let places = 0;
  for (let index = 0; ; index += stride) {
    const chain = await wishChain(plane, { framework: "anvil", version: "1.7.1", plan: "dev" });
    const gate = crashAt(index);
    const first = settleSlowly(plane, plane.worker(gate.gate), isOver(chain)).catch((error: unknown) => {
      if (!(error instanceof Crash) && gate.at() === null) throw error;
    });
    // A dead worker makes no more passes: whether its death is seen as an error or in its silence.
    await first;
    const at = `${index}, ${gate.at()}`;
    plane.clock.advance(leaseMs + 1);
    await settleSlowly(plane, plane.worker(), isOver(chain));
    expect(countOf(chain, "anvil"), at).toBe(1);
    expect(await rpc(chain, "eth_blockNumber"), at).toBe("0x0");
    const starts = await plane.client.node.findMany({ where: { chainId: chain.id } });
    // An intent to start counts as one, also if the worker died before the program was there.
    expect(
      starts.map((node) => node.incarnation <= 2),
      at,
    ).toEqual([true]);
    await remove(chain);
    if (gate.at() === null) break;
    places += 1;
  }
  expect(places).toBeGreaterThan(5);
});

test("anvil: its height is kept over a kill, and over pause and resume", { timeout: longMs }, async () => {
  const chain = await wishChain(plane, { framework: "anvil", version: "1.7.1", plan: "dev" });
  const worker = plane.worker();
  await settleSlowly(plane, worker, isOver(chain));
  await rpc(chain, "anvil_mine", ["0x5"]);
  await changeChain(plane, chain, { kind: "chain.pause", wish: "paused" });
  await settleSlowly(plane, worker, isOver(chain));
  expect(programsOf(plane.home, chain)).toEqual([]);
  await changeChain(plane, chain, { kind: "chain.resume", wish: "running" });
  await settleSlowly(plane, worker, isOver(chain));
  expect(await rpc(chain, "eth_blockNumber")).toBe("0x5");
  const before = Number((await routeOf(chain))?.version);
  const anvil = programsOf(plane.home, chain).find((program) => program.process === "anvil");
  process.kill(anvil?.pid ?? 0, "SIGKILL");
  await settleSlowly(plane, worker, async () => {
    const route = await routeOf(chain);
    return route?.state === "open" && Number(route.version) > before + 1;
  });
  expect(await rpc(chain, "eth_blockNumber")).toBe("0x5");
  expect(countOf(chain, "anvil")).toBe(1);
  await remove(chain);
});
