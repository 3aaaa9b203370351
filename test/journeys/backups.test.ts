import { chmodSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { BackupResource } from "@portolan/contract";
import { parseGwei } from "viem";
import { generatePrivateKey, privateKeyToAccount } from "viem/accounts";
import { afterAll, beforeAll, expect, it } from "vitest";
import { type Chain, type Customer, createChain, finish, signUp } from "../support/customer.ts";
import { postRaw, rpc } from "../support/json-rpc.ts";
import { type Plane, startPlane } from "../support/plane.ts";
import { until } from "../support/until.ts";

const key = privateKeyToAccount(generatePrivateKey());
const receiver = `0x${"ab".repeat(20)}` as const;
let plane: Plane;
let customer: Customer;
let chain: Chain;
let store: string;
let root: string;
let backup: BackupResource;

/** What stands in the store, below the backups' own directories. */
const filesBelow = (path: string): string[] =>
  readdirSync(path, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));

const balance = async (): Promise<bigint> =>
  BigInt(String(await rpc(chain.url, "eth_getBalance", [receiver, "latest"])));
/** Once the gateway has heard that the chain is open again. */
const untilBalance = (wei: bigint) =>
  until(`a balance of ${wei}`, async () => ((await balance()) === wei ? true : undefined));

const pay = async (wei: bigint): Promise<void> => {
  const nonce = Number(await rpc(chain.url, "eth_getTransactionCount", [key.address, "latest"]));
  const serialized = await key.signTransaction({
    ...{ type: "eip1559", chainId: Number(await rpc(chain.url, "eth_chainId")), nonce, to: receiver, value: wei },
    ...{ gas: 21_000n, maxFeePerGas: parseGwei("10"), maxPriorityFeePerGas: 0n },
  });
  await rpc(chain.url, "eth_sendRawTransaction", [serialized]);
};
const params = () => ({ chain: chain.id });
const takeBackup = async (): Promise<BackupResource> => {
  const { sdk } = customer;
  const operation = await finish(sdk, (await sdk.backups.create({ params: params() })).id);
  const { items } = await sdk.backups.list({ params: params() });
  const found = items.find(({ operationId }) => operationId === operation.id);
  if (found === undefined) throw new Error("the operation has no backup");
  return found;
};
const restore = async (id: string) => customer.sdk.chains.restore({ params: params(), body: { backup: id } });

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "portolan-backups-"));
  store = join(root, "kept");
  plane = await startPlane({ env: { PORTOLAN_BACKUPS: store } });
  customer = await signUp(plane);
  const settings = { fund: [{ address: key.address, balanceEther: "100" }] };
  chain = await createChain(plane, customer, { plan: "standard", settings });
});
afterAll(async () => {
  await plane?.stop();
  await rm(root, { recursive: true, force: true });
});

it("a backup is taken of a chain at rest and is nobody else's to read; the chain serves again", async () => {
  await pay(1_000n);
  await untilBalance(1_000n);
  backup = await takeBackup();
  expect(backup).toMatchObject({ state: "ready", framework: "anvil", nodes: ["node-0"], store: "directory" });
  expect(Number(backup.sizeBytes)).toBeGreaterThan(100);
  await untilBalance(1_000n);

  expect(readdirSync(store)).toEqual([backup.id.replace("_", "-")]);
  expect(statSync(store).mode & 0o777).toBe(0o700);
  const files = filesBelow(store);
  for (const file of files) expect(statSync(file).mode & 0o077, file).toBe(0);
  // The accounts' mnemonic and every key stay with the plane.
  const mnemonic = /"mnemonic"|PRIVATE KEY|privateKey/;
  for (const file of files) expect(readFileSync(file, "latin1"), file).not.toMatch(mnemonic);
});

it("what happened since is undone by a restore, on the same addresses and keys, and the chain goes on from there", async () => {
  await pay(1n);
  await pay(1n);
  await untilBalance(1_002n);
  const before = await customer.sdk.chains.get({ params: params() });
  const operation = await finish(customer.sdk, (await restore(backup.id)).id);
  expect(operation.steps.map(({ key: step, state }) => [step, state])).toEqual(
    ["stop", "verify", "replace", "material", "nodes", "network", "endpoint"].map((step) => [step, "succeeded"]),
  );
  await untilBalance(1_000n);
  expect(await customer.sdk.chains.get({ params: params() })).toMatchObject({
    ...{ phase: "running", settings: before.settings, endpoints: before.endpoints },
  });
  await pay(5n);
  await untilBalance(1_005n);
  expect(plane.pids("anvil")).toHaveLength(1);
});

it("a call meanwhile gets 503 with a hint", async () => {
  const refusals = new Set<string>();
  let isDone = false;
  const calls = (async () => {
    while (!isDone) {
      const body = JSON.stringify({ jsonrpc: "2.0", id: 1, method: "eth_blockNumber", params: [] });
      const { status, text } = await postRaw(chain.url, body);
      if (status !== 200) refusals.add(`${status} ${JSON.parse(text).error.data?.code}`);
    }
  })();
  const second = await takeBackup();
  await untilBalance(1_005n);
  isDone = true;
  await calls;
  expect([...refusals].every((refusal) => refusal.startsWith("503 "))).toBe(true);
  expect([...refusals].length).toBeGreaterThan(0);
  await customer.sdk.backups.delete({ params: { backup: second.id } });
  await until("its files are gone", async () => readdirSync(store).length === 1);
});

it("a worker that is killed while it copies: the operation ends, and the nodes run", async () => {
  const removed = async (operation: string): Promise<void> => {
    const { items } = await customer.sdk.backups.list({ params: params() });
    const found = items.find(({ operationId }) => operationId === operation);
    await customer.sdk.backups.delete({ params: { backup: found?.id ?? "" } });
  };
  /** Kills it between the nodes' stop and their start. Undefined: the backup was taken before anybody looked. */
  const killInside = async (): Promise<string | undefined> => {
    const { id } = await customer.sdk.backups.create({ params: params() });
    const isInside = await until(
      "the nodes stop",
      async () => {
        if (plane.pids("anvil").length === 0) return { isSo: true };
        const { done } = await customer.sdk.operations.get({ params: { operation: id } });
        return done && { isSo: false };
      },
      { everyMs: 1 },
    );
    if (isInside.isSo) plane.kill("worker");
    else await removed(id);
    return isInside.isSo ? id : undefined;
  };
  const id = await until("a worker is killed inside a backup", killInside, { timeoutMs: 120_000 });
  await plane.heal();
  const operation = await customer.sdk.waitForOperation(id, { timeoutMs: 180_000 });
  const { items } = await customer.sdk.backups.list({ params: params() });
  const taken = items.find(({ operationId }) => operationId === id);
  expect([operation.state, taken?.state]).toEqual(["succeeded", "ready"]);
  await untilBalance(1_005n);
  await customer.sdk.backups.delete({ params: { backup: taken?.id ?? "" } });
});

it("another tenant sees nothing of it", async () => {
  const stranger = await signUp(plane);
  const target = { params: { backup: backup.id } };
  const other = await createChain(plane, stranger);
  const calls = [
    () => stranger.sdk.backups.get(target),
    () => stranger.sdk.backups.delete(target),
    () => stranger.sdk.backups.list({ params: params() }),
    () => stranger.sdk.backups.create({ params: params() }),
    () => stranger.sdk.chains.restore({ params: { chain: other.id }, body: { backup: backup.id } }),
  ];
  for (const call of calls) await expect(call()).rejects.toMatchObject({ status: 404 });
});

it("a damaged file is refused by its checksum, and the chain is as it was", async () => {
  const damaged = await takeBackup();
  const [file] = filesBelow(join(store, damaged.id.replace("_", "-"))).filter((path) => path.includes("/data/"));
  if (file === undefined) throw new Error("nothing was copied");
  const bytes = readFileSync(file);
  bytes[bytes.length >> 1] = (bytes[bytes.length >> 1] ?? 0) ^ 1;
  chmodSync(file, 0o600);
  writeFileSync(file, bytes);
  const started = await restore(damaged.id);
  const operation = await customer.sdk.waitForOperation(started.id, { timeoutMs: 180_000 });
  expect(operation).toMatchObject({ state: "failed", error: { code: "backup.damaged" } });
  await untilBalance(1_005n);
  expect(await customer.sdk.chains.get({ params: params() })).toMatchObject({ phase: "running" });
});

it("a deleted chain is restored from a backup inside its window, also when its volumes are lost", async () => {
  await finish(customer.sdk, (await customer.sdk.chains.delete({ params: params() })).id);
  expect(plane.pids("anvil")).toHaveLength(1);
  for (const placement of readdirSync(join(plane.home, "nodes", "placements"))) {
    const path = join(plane.home, "nodes", "placements", placement);
    const { chainId } = JSON.parse(readFileSync(join(path, "state.json"), "utf8"));
    if (chainId === chain.id) await rm(path, { recursive: true, force: true });
  }
  await finish(customer.sdk, (await restore(backup.id)).id);
  await untilBalance(1_000n);
  await pay(7n);
  await untilBalance(1_007n);
});
