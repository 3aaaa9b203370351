import { setTimeout as sleep } from "node:timers/promises";
import type { BillResource } from "@portolan/contract";
import { quickstartToken } from "@portolan/frameworks";
import { createPortolan, type PortolanClient, PortolanError } from "@portolan/sdk";
import { CliFailure, exitCodes } from "../failure.ts";
import { renderMoney } from "../output.ts";
import { type FirstChainFile, openFirstChainFile } from "./first-chain-record.ts";
import { createRpc, type Rpc } from "./rpc.ts";
import { tokenCreation, totalSupplySelector } from "./token-calls.ts";

export interface FirstChainDeps {
  api: string;
  gateway: string;
  /** Where the progress, the password and the key are kept. */
  file: string;
  log: (line: string) => void;
  signal: AbortSignal;
}

export interface FirstChain {
  chainId: string;
  url: string;
  /** With the key in it: for MetaMask, Hardhat, Foundry. */
  urlWithKey: string;
  curl: string;
}

interface Context extends FirstChainDeps {
  client: PortolanClient;
  record: FirstChainFile;
  step<T>(title: string, work: () => Promise<T>, show?: (value: T) => string): Promise<T>;
}

/** Says each step in one line with its time. */
const createStep =
  (log: (line: string) => void): Context["step"] =>
  async (title, work, show) => {
    const startedAt = performance.now();
    const value = await work();
    const tookMs = Math.round(performance.now() - startedAt);
    log(`  ${title.padEnd(26)} ${`${tookMs} ms`.padStart(9)}  ${show?.(value) ?? ""}`.trimEnd());
    return value;
  };

const idempotency = ({ record }: Context, step: string) => ({
  idempotencyKey: `first-chain-${record.value.nonce}-${step}`,
});

const signIn = async (context: Context): Promise<void> => {
  const { client, record } = context;
  const { email, password } = record.value;
  if (record.value.tenantId === undefined) {
    const made = await client.signup.create({
      body: { portal: "global", email, password, country: "FR", tenant: { name: "First steps" } },
      ...idempotency(context, "signup"),
    });
    await record.save({ tenantId: made.tenant.id });
    if (made.token !== undefined) return setCredential(client, made);
  }
  const session = await client.sessions.create({ body: { portal: "global", email, password } });
  setCredential(client, session);
};

const setCredential = (
  client: PortolanClient,
  pair: { token?: string | undefined; refreshToken?: string | undefined },
) => {
  const { token, refreshToken } = pair;
  if (token === undefined) throw new CliFailure("The API gave no token.");
  client.setCredential({ token, ...(refreshToken === undefined ? {} : { refreshToken }) });
};

const ensureApp = async (context: Context): Promise<string> => {
  const known = context.record.value.appId;
  if (known !== undefined) return known;
  const app = await context.client.apps.create({ body: { name: "First steps" }, ...idempotency(context, "app") });
  await context.record.save({ appId: app.id });
  return app.id;
};

const ensureKey = async (context: Context, app: string): Promise<string> => {
  const { client, record } = context;
  for (;;) {
    const { key, keyAttempt } = record.value;
    if (key !== undefined) return key.secret;
    const made = await client.keys.create({
      params: { app },
      body: { name: "First steps", scopes: ["rpc", "rpc:dev"] },
      ...idempotency(context, `key-${keyAttempt}`),
    });
    if (made.secret !== undefined) {
      await record.save({ key: { id: made.id, secret: made.secret } });
      continue;
    }
    // A replay carries no secret: the first answer was lost on its way.
    await client.keys.revoke({ params: { app, key: made.id } }).catch(ignoreMissing);
    await record.save({ keyAttempt: keyAttempt + 1 });
  }
};

const ignoreMissing = (error: unknown): void => {
  if (!(error instanceof PortolanError) || error.status !== 404) throw error;
};

const ensureChain = async (context: Context, appId: string): Promise<string> => {
  const { client, record, signal } = context;
  if (record.value.operationId === undefined) {
    const operation = await client.chains.create({
      body: {
        appId,
        name: "first",
        framework: "anvil",
        plan: "dev",
        regions: ["local"],
        hosting: "dedicated",
        settings: {},
      },
      ...idempotency(context, "chain"),
    });
    await record.save({ operationId: operation.id, chainId: operation.target.id });
  }
  const { operationId = "", chainId = "" } = record.value;
  const operation = await client.waitForOperation(operationId, { signal, timeoutMs: 120_000 });
  if (operation.state === "succeeded") return chainId;
  const hint = operation.error?.hint;
  throw new CliFailure(`The chain did not come up: ${operation.error?.message ?? operation.state}.`, {
    exitCode: exitCodes.operationFailed,
    ...(hint === undefined ? {} : { hint }),
  });
};

const supply = 1_000_000n * 10n ** 18n;

const deployToken = async ({ record, signal }: Context, rpc: Rpc): Promise<string> => {
  const accounts = await rpc.call("eth_accounts");
  const from = Array.isArray(accounts) ? accounts[0] : undefined;
  const data = tokenCreation(quickstartToken.bytecode, "Portolan Quickstart", "PQT", supply);
  const hash = await rpc.call("eth_sendTransaction", [{ from, data }]);
  for (let attempt = 0; attempt < 400; attempt += 1) {
    const receipt = await rpc.call("eth_getTransactionReceipt", [hash]);
    if (typeof receipt === "object" && receipt !== null && "contractAddress" in receipt) {
      const token = String(receipt.contractAddress);
      await record.save({ token });
      return token;
    }
    await sleep(50, undefined, { signal });
  }
  throw new CliFailure("The token's transaction was not mined within 20 s.");
};

const isMetered = (bill: BillResource): boolean =>
  bill.lines.some((line) => line.unit === "dCU" && line.quantity !== "0");

/** Calls are shipped in windows of 10 s; the bill shows them when the window's batch has come. */
const waitForBill = async ({ client, signal }: Context, app: string): Promise<BillResource> => {
  const deadline = performance.now() + 60_000;
  for (;;) {
    const bill = await client.bills.get({ params: { app } });
    if (isMetered(bill) || performance.now() > deadline) return bill;
    await sleep(250, undefined, { signal });
  }
};

const blockOf = (value: unknown): string => `block ${Number(value)}`;

const toResult = (deps: FirstChainDeps, chainId: string, secret: string): FirstChain => {
  const url = `${deps.gateway}/${chainId}`;
  const body = '{"jsonrpc":"2.0","id":1,"method":"eth_blockNumber","params":[]}';
  return {
    chainId,
    url,
    urlWithKey: `${url}/${secret}`,
    curl: `curl -s ${url} -H 'x-api-key: ${secret}' -H 'content-type: application/json' -d '${body}'`,
  };
};

/** The way from nothing to a bill, through the public API; each step is done once however often it is begun. */
const takeFirst = async (context: Context): Promise<FirstChain> => {
  const { step } = context;
  await step(
    "tenant",
    () => signIn(context),
    () => context.record.value.email,
  );
  const app = await step(
    "app",
    () => ensureApp(context),
    (id) => id,
  );
  const secret = await step(
    "key",
    () => ensureKey(context, app),
    (key) => `${key.slice(0, 8)}…`,
  );
  const chainId = await step(
    "chain",
    () => ensureChain(context, app),
    (id) => id,
  );
  const result = toResult(context, chainId, secret);
  const rpc = createRpc(result.url, secret);
  await step("first block", () => rpc.callWhenUp("eth_blockNumber", [], 60_000, context.signal), blockOf);
  const token = await step(
    "token contract deployed",
    () => deployToken(context, rpc),
    (address) => address,
  );
  await step(
    "a metered call",
    () => rpc.call("eth_call", [{ to: token, data: totalSupplySelector }, "latest"]),
    (value) => `totalSupply() = ${BigInt(String(value)) / 10n ** 18n} PQT`,
  );
  await step("bill so far", () => waitForBill(context, app), renderBillLine);
  await context.record.save({ isDone: true });
  return result;
};

const renderBillLine = (bill: BillResource): string => {
  const compute = bill.lines.filter((line) => line.unit === "dCU");
  const units = compute.reduce((sum, line) => sum + BigInt(line.quantity), 0n);
  const counted = isMetered(bill) ? `${units / 10n}.${units % 10n} CU counted` : "usage has not arrived yet";
  return `${renderMoney(bill.total)} for ${bill.period} (${counted})`;
};

const takeAgain = async (context: Context): Promise<FirstChain> => {
  const { step, record } = context;
  const { chainId = "", key } = record.value;
  const result = toResult(context, chainId, key?.secret ?? "");
  const rpc = createRpc(result.url, key?.secret ?? "");
  await step("first chain answers", () => rpc.callWhenUp("eth_blockNumber", [], 60_000, context.signal), blockOf);
  return result;
};

/**
 * Takes a first chain all the way on a new home, goes on where an earlier start was cut off, and finds it again on
 * later starts. Undefined when its chain was deleted or paused since.
 */
export const runFirstChain = async (deps: FirstChainDeps): Promise<FirstChain | undefined> => {
  const record = await openFirstChainFile(deps.file);
  const client = createPortolan({ baseUrl: deps.api });
  const context: Context = { ...deps, record, client, step: createStep(deps.log) };
  const { chainId, isDone } = record.value;
  if (!isDone || chainId === undefined) {
    deps.log("The first chain, through the public API:");
    return takeFirst(context);
  }
  await signIn(context);
  const chain = await client.chains.get({ params: { chain: chainId } }).catch((error: unknown) => {
    ignoreMissing(error);
    return undefined;
  });
  if (chain === undefined || ["deleting", "deleted", "purged", "pausing", "paused"].includes(chain.phase)) {
    deps.log(`  The first chain (${chainId}) is ${chain?.phase ?? "gone"}, as was wished.`);
    return undefined;
  }
  return takeAgain(context);
};
