import { spawn } from "node:child_process";
import { once } from "node:events";
import { copyFile, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { runSql } from "@portolan/store";
import { freePort } from "@portolan/testing";
import type { BenchResult } from "./bench.ts";
import { type BenchCustomer, type BenchPlane, chainRequest, signUp, startBenchPlane } from "./plane.ts";
import { middle } from "./statistics.ts";

const body = '{"jsonrpc":"2.0","id":1,"method":"eth_chainId","params":[]}';
const pollMs = 5;
const giveUpMs = 60_000;

/** Asks every 5 ms until a node has answered; the same client for both sides. */
const untilAnswered = async (url: string): Promise<void> => {
  const endsAt = performance.now() + giveUpMs;
  while (performance.now() < endsAt) {
    const answer = await fetch(url, { method: "POST", headers: { "content-type": "application/json" }, body })
      .then((response) => response.json() as Promise<{ result?: unknown }>)
      .catch(() => undefined);
    if (answer?.result !== undefined) return;
    await sleep(pollMs);
  }
  throw new Error("no answer in a minute");
};

interface Creation {
  /** From the POST to the first answer through the gateway, milliseconds. */
  totalMs: number;
  /** The POST alone. */
  postMs: number;
  /** It took over a chain that stood by. */
  isAdopted: boolean;
}

const throughPortolan = async (plane: BenchPlane, customer: BenchCustomer): Promise<Creation> => {
  const startedAt = performance.now();
  const operation = await customer.sdk.chains.create({ body: chainRequest(customer.appId) });
  const postMs = performance.now() - startedAt;
  await untilAnswered(`${plane.gateway}/${operation.target.id}/${customer.secret}`);
  return { totalMs: performance.now() - startedAt, postMs, isAdopted: operation.steps[0]?.key === "adopt" };
};

const remove = async (customer: BenchCustomer): Promise<void> => {
  const { items } = await customer.sdk.chains.list();
  for (const chain of items.filter(({ phase }) => phase !== "deleted")) {
    const { id } = await customer.sdk.chains.delete({ params: { chain: chain.id } });
    await customer.sdk.waitForOperation(id, { timeoutMs: giveUpMs });
  }
};

/** Waits until a chain stands by, ready, and a little longer, so that the work of making it is over. */
const untilOneStandsBy = async (plane: BenchPlane): Promise<void> => {
  const url = await plane.superuserUrl();
  const endsAt = performance.now() + giveUpMs;
  while (performance.now() < endsAt) {
    let count = 0;
    await runSql(url, async (query) => {
      count = (await query("select 1 from chains where is_standby and wish = 'running' and phase = 'running'")).length;
    });
    if (count > 0) return void (await sleep(1_000));
    await sleep(200);
  }
  throw new Error("no chain stands by");
};

/** The command that a chain's node was started with, with a port and a genesis file of its own. */
const byHand = async (command: readonly string[], directory: string): Promise<{ command: string[]; url: string }> => {
  const port = await freePort();
  const own = [...command];
  own[own.indexOf("--port") + 1] = String(port);
  const genesis = join(directory, "genesis.json");
  await copyFile(own[own.indexOf("--init") + 1] ?? "", genesis);
  own[own.indexOf("--init") + 1] = genesis;
  return { command: own, url: `http://127.0.0.1:${port}/` };
};

const native = async (command: readonly string[], url: string): Promise<number> => {
  const [program = "", ...parameters] = command;
  const startedAt = performance.now();
  const child = spawn(program, parameters, { stdio: "ignore" });
  try {
    await untilAnswered(url);
    return performance.now() - startedAt;
  } finally {
    const ended = once(child, "exit");
    child.kill("SIGKILL");
    await ended;
  }
};

interface Rounds {
  ours: Creation[];
  nativeMs: number[];
}

/** Rounds on a plane of its own, interleaved with the same program by hand. */
const measure = async (rounds: number, env: { readonly [name: string]: string }, hasPool: boolean): Promise<Rounds> => {
  const plane = await startBenchPlane(env);
  const directory = await mkdtemp(join(tmpdir(), "portolan-bench-native-"));
  // Deleting is work too: the next round begins when it is over, and where chains stand by when one does again.
  const settle = (): Promise<unknown> => (hasPool ? untilOneStandsBy(plane) : sleep(300));
  try {
    const customer = await signUp(plane);
    await settle();
    // The first of each is not counted: files come from the disk then. It also shows the node's command line.
    await throughPortolan(plane, customer);
    const command = plane.nodeCommand("anvil");
    if (command === undefined) throw new Error("no anvil was found");
    const hand = await byHand(command, directory);
    await native(hand.command, hand.url);
    await remove(customer);
    const result: Rounds = { ours: [], nativeMs: [] };
    for (let round = 0; round < rounds; round++) {
      await settle();
      result.nativeMs.push(await native(hand.command, hand.url));
      result.ours.push(await throughPortolan(plane, customer));
      await remove(customer);
    }
    return result;
  } finally {
    await plane.stop();
    await rm(directory, { recursive: true, force: true });
  }
};

const totals = ({ ours }: Rounds): number[] => ours.map(({ totalMs }) => totalMs);
const inWords = (values: readonly number[]): string => values.map(Math.round).join(" ");

/** POST → first answered RPC through the gateway, against the node's program started by hand. */
export const benchStart = async ({ rounds = 10 }: { rounds?: number } = {}): Promise<BenchResult> => {
  // The plane's own default: one chain of this kind stands by.
  const ready = await measure(rounds, {}, true);
  const cold = await measure(rounds, { PORTOLAN_STANDBY: "[]" }, false);
  const [portolanMs, nativeMs] = [middle(totals(ready)), middle(ready.nativeMs)];
  const [coldMs, coldNativeMs] = [middle(totals(cold)), middle(cold.nativeMs)];
  return {
    name: "start",
    claims: [
      {
        what: "POST → first answered RPC, a chain standing by, against anvil by hand",
        value: portolanMs / nativeMs,
        bound: 1.5,
        unit: "×",
      },
    ],
    figures: {
      "through Portolan, median ms": portolanMs,
      "of it the POST, median ms": middle(ready.ours.map(({ postMs }) => postMs)),
      "by hand, median ms": nativeMs,
      "rounds that adopted a chain": ready.ours.filter(({ isAdopted }) => isAdopted).length,
      "through Portolan, all ms": inWords(totals(ready)),
      "by hand, all ms": inWords(ready.nativeMs),
      "none standing by: times anvil by hand": coldMs / coldNativeMs,
      "none standing by: through Portolan, median ms": coldMs,
      "none standing by: by hand, median ms": coldNativeMs,
      "none standing by: through Portolan, all ms": inWords(totals(cold)),
    },
    method: `twice ${rounds} interleaved rounds, medians; the same program and flags, a copy of the same genesis, the same client that asks every ${pollMs} ms; first on a plane as it comes (one chain stands by; each round waits until one does again), then with none standing by`,
  };
};
