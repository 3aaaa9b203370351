import { spawn } from "node:child_process";
import { once } from "node:events";
import { copyFile, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
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

/** From the POST to the first answer through the gateway, milliseconds. */
const throughPortolan = async (plane: BenchPlane, customer: BenchCustomer): Promise<number> => {
  const startedAt = performance.now();
  const operation = await customer.sdk.chains.create({ body: chainRequest(customer.appId) });
  await untilAnswered(`${plane.gateway}/${operation.target.id}/${customer.secret}`);
  return performance.now() - startedAt;
};

const remove = async (customer: BenchCustomer): Promise<void> => {
  const { items } = await customer.sdk.chains.list();
  for (const chain of items.filter(({ phase }) => phase !== "deleted")) {
    const { id } = await customer.sdk.chains.delete({ params: { chain: chain.id } });
    await customer.sdk.waitForOperation(id, { timeoutMs: giveUpMs });
  }
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

/** POST → first answered RPC through the gateway, against the node's program started by hand. */
export const benchStart = async ({ rounds = 10 }: { rounds?: number } = {}): Promise<BenchResult> => {
  const plane = await startBenchPlane();
  const directory = await mkdtemp(join(tmpdir(), "portolan-bench-native-"));
  try {
    const customer = await signUp(plane);
    // The first of each is not counted: files come from the disk then. It also shows the node's command line.
    await throughPortolan(plane, customer);
    const command = plane.nodeCommand("anvil");
    if (command === undefined) throw new Error("no anvil was found");
    const hand = await byHand(command, directory);
    await native(hand.command, hand.url);
    await remove(customer);
    const ours: number[] = [];
    const theirs: number[] = [];
    for (let round = 0; round < rounds; round++) {
      theirs.push(await native(hand.command, hand.url));
      ours.push(await throughPortolan(plane, customer));
      await remove(customer);
      // Deleting is work too: the next round begins when it is over.
      await sleep(300);
    }
    const [portolanMs, nativeMs] = [middle(ours), middle(theirs)];
    return {
      name: "start",
      claims: [
        {
          what: "POST → first answered RPC against anvil by hand",
          value: portolanMs / nativeMs,
          bound: 1.5,
          unit: "×",
        },
      ],
      figures: {
        "through Portolan, median ms": portolanMs,
        "by hand, median ms": nativeMs,
        "through Portolan, all ms": ours.map(Math.round).join(" "),
        "by hand, all ms": theirs.map(Math.round).join(" "),
      },
      method: `${rounds} interleaved rounds, medians; the same program and flags, a copy of the same genesis, the same client that asks every ${pollMs} ms`,
    };
  } finally {
    await plane.stop();
    await rm(directory, { recursive: true, force: true });
  }
};
