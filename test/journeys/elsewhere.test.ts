import { spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { cp, mkdir, mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { ChainExportResource, OperationResource } from "@portolan/contract";
import { parseGwei } from "viem";
import { generatePrivateKey, privateKeyToAccount } from "viem/accounts";
import { afterAll, beforeAll, expect, it } from "vitest";
import { type Customer, createChain, finish, signUp } from "../support/customer.ts";
import { rows } from "../support/fabric.ts";
import { postRaw, rpc } from "../support/json-rpc.ts";
import { type Plane, startPlane } from "../support/plane.ts";
import { until } from "../support/until.ts";

const main = fileURLToPath(new URL("../../apps/cli/src/main.ts", import.meta.url));
const passphrase = "what only the two of us know";
const key = privateKeyToAccount(generatePrivateKey());
const receiver = `0x${"cd".repeat(20)}` as const;

let root: string;
let file: string;
let first: Plane;
let second: Plane;
let customer: Customer;
let stranger: Customer;
let chain = "";
let backup = "";
let evmId = 0n;
/** Where its node listens. */
let port = 0;
let height = 0n;
let url = "";
let formerUrl = "";
const params = () => ({ chain });
const store = (plane: "first" | "second") => join(root, plane);
const directory = () => backup.replace("_", "-");

/** The command line, signed in to a plane as somebody. */
const portolan = async (plane: Plane, who: Customer, args: readonly string[], stdin: string) => {
  const child = spawn(process.execPath, [main, ...args, "--json"], {
    env: {
      ...{ PATH: process.env["PATH"] ?? "", PORTOLAN_API_URL: plane.api, PORTOLAN_TOKEN: who.token },
      PORTOLAN_CONFIG: join(root, "profile.json"),
    },
    stdio: ["pipe", "pipe", "pipe"],
  });
  child.stdin.end(`${stdin}\n`);
  const text = { out: "", err: "" };
  child.stdout.setEncoding("utf8").on("data", (piece: string) => {
    text.out += piece;
  });
  child.stderr.setEncoding("utf8").on("data", (piece: string) => {
    text.err += piece;
  });
  const [code] = await once(child, "close");
  return { code, ...text };
};
const importIt = (...more: string[]) =>
  portolan(
    second,
    stranger,
    ["chains", "import", file, "--app", stranger.appId, "--passphrase-stdin", ...more],
    passphrase,
  );
const operationOf = (text: string): OperationResource => JSON.parse(text);

const balance = async (): Promise<bigint> => BigInt(String(await rpc(url, "eth_getBalance", [receiver, "latest"])));
const untilBalance = (wei: bigint) =>
  until(`a balance of ${wei}`, async () => ((await balance()) === wei ? true : undefined));
const number = async (): Promise<bigint> => BigInt(String(await rpc(url, "eth_blockNumber")));
const pay = async (wei: bigint): Promise<void> => {
  const nonce = Number(await rpc(url, "eth_getTransactionCount", [key.address, "latest"]));
  const serialized = await key.signTransaction({
    ...{ type: "eip1559", chainId: Number(evmId), nonce, to: receiver, value: wei },
    ...{ gas: 21_000n, maxFeePerGas: parseGwei("10"), maxPriorityFeePerGas: 0n },
  });
  await rpc(url, "eth_sendRawTransaction", [serialized]);
};
/** Nothing of the chain is on the second plane: no row that anybody sees, no directory, no claim of a port. */
const expectNothing = async (): Promise<void> => {
  await expect(stranger.sdk.chains.get({ params: params() })).rejects.toMatchObject({ status: 404 });
  const nodes = join(second.home, "nodes");
  const placements = readdirSync(join(nodes, "placements")).map((name) =>
    readFileSync(join(nodes, "placements", name, "state.json"), "utf8"),
  );
  expect(placements.filter((state) => state.includes(chain))).toEqual([]);
  const { copies } = exported().backup;
  for (const name of readdirSync(join(nodes, "ports"))) {
    const owner = readFileSync(join(nodes, "ports", name), "utf8");
    expect(copies.some(({ placementId }) => owner.startsWith(placementId))).toBe(false);
  }
};
const exported = (): ChainExportResource => JSON.parse(readFileSync(file, "utf8"));

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "portolan-elsewhere-"));
  file = join(root, "ledger.json");
  await Promise.all((["first", "second"] as const).map((plane) => mkdir(store(plane), { mode: 0o700 })));
  first = await startPlane({ env: { PORTOLAN_BACKUPS: store("first") } });
  customer = await signUp(first);
});
afterAll(async () => {
  await first?.stop();
  await second?.stop();
  await rm(root, { recursive: true, force: true });
});

it("a chain is backed up and exported: its keys are in the file for who has the pass phrase, its data in the store", async () => {
  const settings = { fund: [{ address: key.address, balanceEther: "100" }] };
  // Not the first chain of this plane: its number is one that the other plane gives to somebody else.
  const made = await createChain(first, customer, { plan: "standard", settings });
  [chain, url, formerUrl] = [made.id, made.url, made.url];
  evmId = BigInt(String(await rpc(url, "eth_chainId")));
  for (const wei of [1_000n, 20n, 3n]) await pay(wei);
  await untilBalance(1_023n);
  height = await number();
  const [placement] = await rows(first, `select addresses from placements where chain_id = '${chain}'`);
  const addresses = (placement?.["addresses"] ?? []) as { number: number }[];
  port = addresses[0]?.number ?? 0;
  const { sdk } = customer;
  const operation = await finish(sdk, (await sdk.backups.create({ params: params() })).id);
  const { items } = await sdk.backups.list({ params: params() });
  backup = items.find(({ operationId }) => operationId === operation.id)?.id ?? "";
  await untilBalance(1_023n);
  await pay(1_000_000n);

  const args = ["chains", "export", chain, "--backup", backup, "--out", file, "--passphrase-stdin"];
  const { code, err, out } = await portolan(first, customer, args, passphrase);
  expect(code, err).toBe(0);
  expect(statSync(file).mode & 0o777).toBe(0o600);
  expect(out + err).not.toContain(passphrase);
  expect(exported()).toMatchObject({ chainId: chain, framework: "anvil", regions: ["local"], backup: { id: backup } });
  expect(readdirSync(store("first"))).toEqual([directory()]);
  const log = ["api", "worker"].map((name) => readFileSync(join(first.home, "logs", `${name}.log`), "utf8")).join("");
  expect(log).not.toContain(passphrase);
});

it("where it is already it can't be imported once more", async () => {
  const body = { export: exported(), passphrase, app: customer.appId };
  await expect(customer.sdk.chains.import({ body })).rejects.toMatchObject({ status: 409, code: "chain.exists" });
});

it("the machine is lost; on another one a wrong pass phrase and a file that was changed open nothing", async () => {
  first.kill("everything");
  await first.stop();
  second = await startPlane({ env: { PORTOLAN_BACKUPS: store("second") } });
  stranger = await signUp(second);
  // Its own first chain has the number that the other was made from.
  await createChain(second, stranger, { name: "own" });
  const body = { export: exported(), passphrase: "what nobody knows at all", app: stranger.appId };
  await expect(stranger.sdk.chains.import({ body })).rejects.toMatchObject({ status: 422, code: "export.unreadable" });
  const changed = { ...exported(), plan: "dev" };
  await expect(stranger.sdk.chains.import({ body: { ...body, export: changed, passphrase } })).rejects.toMatchObject({
    code: "export.unreadable",
  });
  await expectNothing();
});

it("without its data, with damaged data, or with its port taken it fails with a hint and leaves nothing", async () => {
  const failed = async (code: string) => {
    const { code: exit, out, err } = await importIt();
    expect(exit, err).toBe(7);
    expect(operationOf(out)).toMatchObject({ kind: "chain.import", state: "failed", error: { code } });
    expect(operationOf(out).error?.hint?.length).toBeGreaterThan(10);
    await expectNothing();
  };
  await failed("backup.missing");
  await cp(join(store("first"), directory()), join(store("second"), directory()), { recursive: true });
  const [damaged] = readdirSync(store("second"), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.parentPath.includes("/data/"))
    .map((entry) => join(entry.parentPath, entry.name));
  const bytes = readFileSync(damaged ?? "");
  writeFileSync(damaged ?? "", Buffer.concat([bytes, Buffer.from("x")]));
  await failed("backup.damaged");
  writeFileSync(damaged ?? "", bytes);

  const server = createServer().listen(port, "127.0.0.1");
  await once(server, "listening");
  await failed("address.taken");
  server.close();
  // The files that were brought are not the plane's to remove.
  expect(readdirSync(store("second"))).toEqual([directory()]);
});

it("it comes to life: same id, same chain id, the accounts' balances and the height of the backup, and goes on", async () => {
  const { code, out, err } = await importIt("--name", "moved");
  expect(code, err).toBe(0);
  expect(operationOf(out)).toMatchObject({ kind: "chain.import", state: "succeeded", target: { id: chain } });
  url = `${second.gateway}/${chain}/${stranger.secret}`;
  await untilBalance(1_023n);
  expect(BigInt(String(await rpc(url, "eth_chainId")))).toBe(evmId);
  expect(await number()).toBe(height);
  await pay(500n);
  await untilBalance(1_523n);
  expect(await number()).toBe(height + 1n);
  const found = await stranger.sdk.chains.get({ params: params() });
  expect(found).toMatchObject({ id: chain, appId: stranger.appId, name: "moved", phase: "running" });
  // Keys of the former app are nobody's here.
  const formerKey = formerUrl.split("/").at(-1) ?? "";
  const call = JSON.stringify({ jsonrpc: "2.0", id: 1, method: "eth_blockNumber", params: [] });
  expect((await postRaw(`${second.gateway}/${chain}/${formerKey}`, call)).status).toBe(401);
  await expect(
    stranger.sdk.chains.import({ body: { export: exported(), passphrase, app: stranger.appId } }),
  ).rejects.toMatchObject({ code: "chain.exists" });
});

it("from there on it is a chain as any: its backup is restored again, it survives a kill of everything", async () => {
  const { sdk } = stranger;
  expect((await sdk.backups.list({ params: params() })).items.map(({ id }) => id)).toEqual([backup]);
  await finish(sdk, (await sdk.chains.restore({ params: params(), body: { backup } })).id);
  await untilBalance(1_023n);
  second.kill("everything");
  await second.heal();
  await untilBalance(1_023n);
  await pay(4n);
  await untilBalance(1_027n);
});
