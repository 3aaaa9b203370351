import type { ChildProcess } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { afterEach, describe, expect, it } from "vitest";
import { hardforks } from "../src/anvil/settings.ts";
import { quickstartToken } from "../src/evm/quickstart/quickstart-token.ts";
import { anvilSpec, seededRandom } from "./anvil-spec.ts";
import { exitOf, findAnvil, type Life, rpc, startLife, until } from "./real-anvil.ts";

const running: ChildProcess[] = [];
const directories: string[] = [];
const servers: Server[] = [];
afterEach(async () => {
  for (const child of running.splice(0)) {
    child.kill("SIGKILL");
    await exitOf(child);
  }
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    server.close();
  }
  for (const directory of directories.splice(0)) rmSync(directory, { recursive: true, force: true });
});

/** Stands in for the forwarder: one path a network. */
const forwardTo = (url: string, seen: Set<string>): Promise<string> =>
  new Promise((resolve) => {
    const server = createServer(async (request, response) => {
      seen.add(request.url ?? "");
      const chunks: Buffer[] = [];
      for await (const chunk of request) chunks.push(chunk);
      const answer = await fetch(url, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: Buffer.concat(chunks),
      });
      response.setHeader("content-type", "application/json").end(await answer.text());
    });
    servers.push(server);
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      resolve(`http://127.0.0.1:${typeof address === "object" ? address?.port : 0}`);
    });
  });

const makeLife = (
  settings: object = {},
  rest: Parameters<typeof anvilSpec>[1] = {},
  operator?: Parameters<typeof startLife>[3],
) => {
  const directory = mkdtempSync(join(tmpdir(), "portolan-anvil-"));
  directories.push(directory);
  return startLife(directory, anvilSpec(settings, rest), running, operator);
};

const status = async (life: Life) => (await (await fetch(life.keeperUrl)).json()) as Record<string, unknown>;
const answers = (life: Life) => until(async () => (await rpc(life.url, "eth_chainId")) as string, "anvil answers");
const loaded = (life: Life) => until(async () => (await status(life))["loaded"] === true, "the state is loaded");
const saved = (life: Life) => until(async () => (await status(life))["savedAt"] !== null, "the state is saved");
const bothUp = async (life: Life) => {
  const anvil = life.startAnvil();
  await answers(life);
  const keeper = life.startKeeper();
  await loaded(life);
  return { anvil, keeper };
};
const send = async (life: Life): Promise<string> => {
  const transaction = { from: life.accounts[0], to: life.accounts[1], value: "0x1" };
  const hash = (await rpc(life.url, "eth_sendTransaction", [transaction])) as string;
  await until(async () => (await rpc(life.url, "eth_getTransactionReceipt", [hash])) !== null, "the receipt");
  return hash;
};
const head = async (life: Life) =>
  (await rpc(life.url, "eth_getBlockByNumber", ["latest", false])) as { hash: string; number: string };
const stop = async (child: ChildProcess) => {
  child.kill("SIGTERM");
  return exitOf(child);
};

describe.skipIf(findAnvil() === undefined)("on the real anvil", () => {
  it("has the chain's id, accounts, balances, hardfork, gas limit and base fee", async () => {
    const life = await makeLife({
      accounts: 3,
      balanceEther: "12.5",
      hardfork: "cancun",
      gasLimit: 40_000_000,
      baseFeeWei: 7,
    });
    life.startAnvil();
    expect(Number(await answers(life))).toBe(7_300_000_042);
    expect(await rpc(life.url, "net_version")).toBe("7300000042");
    const accounts = (await rpc(life.url, "eth_accounts")) as string[];
    expect(accounts.sort()).toEqual(
      life.accounts
        .slice(0, 3)
        .map((a) => a.toLowerCase())
        .sort(),
    );
    expect(BigInt((await rpc(life.url, "eth_getBalance", [life.accounts[2], "latest"])) as string)).toBe(
      125n * 10n ** 17n,
    );
    const info = (await rpc(life.url, "anvil_nodeInfo")) as { hardFork: string; environment: Record<string, string> };
    expect(info.hardFork).toBe("Cancun");
    expect([info.environment["baseFee"], Number(info.environment["gasLimit"])]).toEqual(["0x7", 40_000_000]);
    // The key of a well-known account, which anvil unlocks unless it is told otherwise, must be good for nothing.
    expect(accounts).not.toContain("0xf39fd6e51aad88f6f4ce6ab8827279cfffb92266");
  });

  it.each(["dev", "standard"])("funds accounts whose keys are elsewhere, on the plan %s", async (plan) => {
    const own = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266";
    const fund = [
      { address: own, balanceEther: "2.5" },
      { address: `0x${"ab".repeat(20)}`, balanceEther: "0.000000000000000001" },
    ];
    const life = await makeLife({ accounts: 1, fund }, { plan });
    const { anvil, keeper } = await bothUp(life);
    const balances = () =>
      Promise.all(
        fund.map(async ({ address }) => BigInt(String(await rpc(life.url, "eth_getBalance", [address, "latest"])))),
      );
    expect(await balances()).toEqual([25n * 10n ** 17n, 1n]);
    expect(await rpc(life.url, "eth_accounts")).toEqual([life.accounts[0]?.toLowerCase()]);
    await expect(rpc(life.url, "eth_sendTransaction", [{ from: own, to: own, value: "0x1" }])).rejects.toThrow(
      /No Signer/i,
    );
    await saved(life);
    await stop(keeper);
    await stop(anvil);
    await bothUp(life);
    expect(await balances()).toEqual([25n * 10n ** 17n, 1n]);
  });

  it("has no secret in its process arguments or output", async () => {
    const life = await makeLife();
    const child = life.startAnvil();
    let output = "";
    child.stdout?.on("data", (chunk) => (output += chunk));
    child.stderr?.on("data", (chunk) => (output += chunk));
    await answers(life);
    const genesis = JSON.parse(readFileSync(join(life.files.directory, "genesis.json"), "utf8"));
    const keys = Object.values<{ secretKey: string }>(genesis.alloc).map(({ secretKey }) => secretKey.slice(2));
    expect(keys).toHaveLength(10);
    const words = child.spawnargs.join(" ");
    for (const key of keys) expect(words.includes(key) || output.includes(key)).toBe(false);
    expect(output).toBe("");
  });

  it.each(hardforks)("runs the token on %s", async (hardfork) => {
    const life = await makeLife({ hardfork });
    life.startAnvil();
    await answers(life);
    const word = (value: bigint) => value.toString(16).padStart(64, "0");
    const text = (value: string) => word(BigInt(value.length)) + Buffer.from(value).toString("hex").padEnd(64, "0");
    const data = quickstartToken.bytecode + word(96n) + word(160n) + word(1000n) + text("First") + text("FST");
    const hash = await rpc(life.url, "eth_sendTransaction", [{ from: life.accounts[0], data }]);
    const receipt = await until(
      async () =>
        ((await rpc(life.url, "eth_getTransactionReceipt", [hash])) ?? false) as
          | { status: string; contractAddress: string; logs: unknown[] }
          | false,
      "the receipt",
    );
    expect(receipt).toMatchObject({ status: "0x1" });
    const owner = (life.accounts[0] ?? "").slice(2).toLowerCase().padStart(64, "0");
    const balance = await rpc(life.url, "eth_call", [
      { to: receipt.contractAddress, data: `0x70a08231${owner}` },
      "latest",
    ]);
    expect(BigInt(balance as string)).toBe(1000n);
    expect(
      await rpc(life.url, "eth_getLogs", [{ fromBlock: "0x0", toBlock: "latest", address: receipt.contractAddress }]),
    ).toHaveLength(1);
  });

  it("loses nothing when it is stopped in order", async () => {
    const life = await makeLife({}, { plan: "standard" });
    const { anvil, keeper } = await bothUp(life);
    const hash = await send(life);
    await rpc(life.url, "anvil_setBalance", [life.accounts[5], "0x7b"]);
    const before = await head(life);
    expect(await stop(keeper)).toEqual({ code: 0, signal: null });
    await stop(anvil);

    await bothUp(life);
    expect(await head(life)).toMatchObject({ hash: before.hash, number: before.number });
    expect(await rpc(life.url, "eth_getBalance", [life.accounts[5], "latest"])).toBe("0x7b");
    expect(await rpc(life.url, "eth_getTransactionReceipt", [hash])).toMatchObject({ status: "0x1" });
    expect(await rpc(life.url, "eth_getTransactionCount", [life.accounts[0], "latest"])).toBe("0x1");
    await send(life);
  });

  it("loses at most the interval when everything is killed", async () => {
    const life = await makeLife({}, { plan: "standard" });
    const { anvil, keeper } = await bothUp(life);
    await send(life);
    const kept = await head(life);
    await saved(life);
    // One whole interval (2 s on this plan) and the dump itself.
    await delay(2_500);
    await send(life);
    for (const child of [keeper, anvil]) child.kill("SIGKILL");
    await Promise.all([exitOf(keeper), exitOf(anvil)]);

    await bothUp(life);
    expect(Number((await head(life)).number)).toBeGreaterThanOrEqual(Number(kept.number));
    expect(((await rpc(life.url, "eth_getBlockByNumber", [kept.number, false])) as { hash: string }).hash).toBe(
      kept.hash,
    );
  });

  it("notices that anvil was killed beneath it, and loads into the next one", async () => {
    const life = await makeLife({}, { plan: "standard" });
    const { anvil, keeper } = await bothUp(life);
    await send(life);
    await saved(life);
    await delay(2_500);
    const before = await head(life);
    anvil.kill("SIGKILL");
    expect(await exitOf(keeper)).toEqual({ code: 1, signal: null });
    await bothUp(life);
    expect((await head(life)).hash).toBe(before.hash);
  });

  it("does not load again into an anvil that lives on", async () => {
    const life = await makeLife({}, { plan: "standard" });
    const { keeper } = await bothUp(life);
    await send(life);
    await saved(life);
    keeper.kill("SIGKILL");
    await exitOf(keeper);
    await send(life);
    const before = await head(life);
    life.startKeeper();
    await loaded(life);
    expect((await head(life)).hash).toBe(before.hash);
  });

  it("keeps a reset, too", async () => {
    const life = await makeLife({}, { plan: "standard" });
    const { anvil, keeper } = await bothUp(life);
    await send(life);
    await saved(life);
    await rpc(life.url, "anvil_reset");
    expect(await status(life)).toMatchObject({
      loaded: true,
      instance: ((await rpc(life.url, "anvil_metadata")) as { instanceId: string }).instanceId,
    });
    await stop(keeper);
    await stop(anvil);
    await bothUp(life);
    expect(Number((await head(life)).number)).toBe(0);
    expect(BigInt((await rpc(life.url, "eth_getBalance", [life.accounts[0], "latest"])) as string)).toBe(10n ** 22n);
  });

  it("falls back to the dump before when the newest is damaged, and says so", async () => {
    const life = await makeLife({}, { plan: "standard" });
    const { anvil, keeper } = await bothUp(life);
    await send(life);
    const older = await head(life);
    await saved(life);
    await delay(2_500);
    await send(life);
    await stop(keeper);
    await stop(anvil);
    const path = join(life.files.data, "state.gz");
    const dump = readFileSync(path);
    writeFileSync(path, dump.subarray(0, dump.length / 2));

    await bothUp(life);
    expect((await head(life)).hash).toBe(older.hash);
    expect((await status(life))["problem"]).toContain("older one");
    expect(readdirSync(life.files.data).filter((name) => name.startsWith("state.unreadable-"))).toHaveLength(1);
  });

  it("opens no empty chain in the place of one that can't be read", async () => {
    const life = await makeLife({}, { plan: "standard" });
    const { anvil, keeper } = await bothUp(life);
    await send(life);
    await stop(keeper);
    await stop(anvil);
    for (const name of ["state.gz", "state.previous.gz"]) writeFileSync(join(life.files.data, name), "not a state");
    life.startAnvil();
    const again = life.startKeeper();
    await until(async () => String((await status(life))["problem"]).includes("no kept state"), "the problem is told");
    expect((await status(life))["loaded"]).toBe(false);
    expect(await stop(again)).toEqual({ code: 0, signal: null });
    expect(readFileSync(join(life.files.data, "state.gz"), "utf8")).toBe("not a state");
  });

  it("goes on from its height when blocks come by themselves", async () => {
    const life = await makeLife({ blockTimeSeconds: 1 }, { plan: "standard" });
    const { anvil, keeper } = await bothUp(life);
    const hash = await send(life);
    await until(async () => Number((await head(life)).number) >= 3, "three blocks");
    await stop(keeper);
    const before = await head(life);
    await stop(anvil);
    await bothUp(life);
    const kept = (await rpc(life.url, "eth_getTransactionReceipt", [hash])) as { blockNumber: string };
    expect(Number(kept.blockNumber)).toBeGreaterThan(0);
    await until(async () => Number((await head(life)).number) > Number(before.number), "a further block");
  });

  it("takes back a state that is larger than anvil's own body limit", async () => {
    const life = await makeLife({}, { plan: "standard" });
    const { anvil, keeper } = await bothUp(life);
    // Random, so that it does not shrink when it is packed.
    const { bytes } = seededRandom();
    const noise = Array.from({ length: 60 }, () => Buffer.from(bytes(24_000)).toString("hex"));
    for (const [index, code] of noise.entries()) {
      await rpc(life.url, "anvil_setCode", [`0x${(index + 4096).toString(16).padStart(40, "0")}`, `0x${code}`]);
    }
    await stop(keeper);
    await stop(anvil);
    expect(readFileSync(join(life.files.data, "state.gz")).length).toBeGreaterThan(1_000_000);
    await bothUp(life);
    expect(await rpc(life.url, "eth_getCode", ["0x0000000000000000000000000000000000001000", "latest"])).toBe(
      `0x${noise[0]}`,
    );
  });

  it("keeps receipts and logs of old blocks although states are pruned, and stays small", async () => {
    const life = await makeLife();
    const child = life.startAnvil();
    await answers(life);
    const hash = await send(life);
    await rpc(life.url, "anvil_mine", ["0x3e8"]);
    expect(await rpc(life.url, "eth_getTransactionReceipt", [hash])).toMatchObject({ status: "0x1" });
    expect(await rpc(life.url, "eth_getBlockByNumber", ["0x1", true])).toMatchObject({ transactions: [{ hash }] });
    const snapshot = await rpc(life.url, "evm_snapshot");
    await rpc(life.url, "anvil_mine", ["0x1f4"]);
    expect(await rpc(life.url, "evm_revert", [snapshot])).toBe(true);
    expect(Number((await head(life)).number)).toBe(1001);
    const kilobytes = Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${child.pid}/status`, "utf8"))?.[1] ?? 0);
    expect(kilobytes).toBeLessThan(200_000);
    expect(readdirSync(life.files.directory).filter((name) => name.includes("foundry"))).toEqual([]);
  });

  it("loses over a restart what the framework's page says it loses", async () => {
    const life = await makeLife({ accounts: 2 });
    const { anvil, keeper } = await bothUp(life);
    const old = "0x00000000000000000000000000000000000000aa";
    const ask = (method: string, ...params: unknown[]) => rpc(life.url, method, params);
    const give = () => ask("eth_sendTransaction", { from: life.accounts[0], to: old, value: "0x1" });
    for (const height of ["0x1", "0x2"]) {
      await give();
      await until(async () => (await ask("eth_blockNumber")) === height, "the block");
    }
    const snapshot = await ask("evm_snapshot");
    const filter = await ask("eth_newBlockFilter");
    await ask("anvil_impersonateAccount", old);
    await ask("evm_setAutomine", false);
    await ask("evm_increaseTime", 100_000_000);
    await ask("anvil_mine", "0x1");
    const time = async () =>
      Number(((await ask("eth_getBlockByNumber", "latest", false)) as { timestamp: string }).timestamp);
    const before = await time();
    await give();
    expect(await ask("eth_getBalance", old, "0x1")).toBe("0x1");
    expect(await ask("txpool_status")).toMatchObject({ pending: "0x1" });
    await saved(life);
    await stop(keeper);
    await stop(anvil);
    await bothUp(life);
    expect(await ask("eth_getBalance", old, "latest")).toBe("0x2");
    expect(await ask("eth_getBlockByNumber", "0x1", false)).toMatchObject({ number: "0x1" });
    await expect(ask("eth_getBalance", old, "0x1")).rejects.toThrow();
    expect(await ask("txpool_status")).toMatchObject({ pending: "0x0" });
    expect(await ask("anvil_getAutomine")).toBe(true);
    expect(await ask("evm_revert", snapshot)).toBe(false);
    await expect(ask("eth_getFilterChanges", filter)).rejects.toThrow();
    await expect(ask("eth_sendTransaction", { from: old, to: old, value: "0x0" })).rejects.toThrow(/No Signer/i);
    await ask("anvil_mine", "0x1");
    // The clock goes on after the last block where that was set ahead of the machine's.
    expect((await time()) - before).toBeGreaterThan(0);
    expect((await time()) - before).toBeLessThan(600);
  });

  it("goes on at the machine's time after a restart", async () => {
    const life = await makeLife();
    const { anvil, keeper } = await bothUp(life);
    await send(life);
    await saved(life);
    await stop(keeper);
    await stop(anvil);
    await bothUp(life);
    await send(life);
    const { timestamp } = (await rpc(life.url, "eth_getBlockByNumber", ["latest", false])) as { timestamp: string };
    expect(Math.abs(Number(timestamp) - Date.now() / 1_000)).toBeLessThan(120);
  });

  it("forks by the forwarder's address, with an id and accounts of its own", async () => {
    const origin = await makeLife({ accounts: 1 });
    origin.startAnvil();
    await answers(origin);
    await rpc(origin.url, "anvil_setBalance", ["0x00000000000000000000000000000000000000aa", "0x2a"]);
    const own = "0x00000000000000000000000000000000000000bb";
    await rpc(origin.url, "anvil_setBalance", [own, "0x2a"]);
    await rpc(origin.url, "anvil_setNonce", [own, "0x7"]);
    await rpc(origin.url, "anvil_setCode", [own, "0x00"]);
    await rpc(origin.url, "anvil_mine", ["0x5"]);
    const seen = new Set<string>();
    const operator = {
      forks: [{ name: "origin", url: "unused", chainId: 7_300_000_042 }],
      forwarderUrl: await forwardTo(origin.url, seen),
    };
    const life = await makeLife(
      { fork: { network: "origin", blockNumber: 5 }, fund: [{ address: own, balanceEther: "3" }] },
      { serial: 43, plan: "standard" },
      operator,
    );
    const { anvil, keeper } = await bothUp(life);
    expect(Number(await answers(life))).toBe(7_300_000_043);
    expect(await rpc(life.url, "eth_getBalance", ["0x00000000000000000000000000000000000000aa", "latest"])).toBe(
      "0x2a",
    );
    // A funded account begins anew: what the network has at its address is not there.
    expect([
      BigInt(String(await rpc(life.url, "eth_getBalance", [own, "latest"]))),
      await rpc(life.url, "eth_getTransactionCount", [own, "latest"]),
      await rpc(life.url, "eth_getCode", [own, "latest"]),
    ]).toEqual([3n * 10n ** 18n, "0x0", "0x"]);
    await send(life);
    const before = await head(life);
    await stop(keeper);
    await stop(anvil);
    await bothUp(life);
    expect((await head(life)).hash).toBe(before.hash);
    expect(await rpc(life.url, "eth_getBalance", ["0x00000000000000000000000000000000000000aa", "latest"])).toBe(
      "0x2a",
    );
    expect([...seen]).toEqual(["/origin"]);
  });
});
