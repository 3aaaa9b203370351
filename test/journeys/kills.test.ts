import { setTimeout as sleep } from "node:timers/promises";
import type { OperationResource } from "@portolan/contract";
import { PortolanError } from "@portolan/sdk";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { writtenHeight } from "../support/anvil-state.ts";
import { type Chain, type Customer, chainBody, createChain, finish, signUp } from "../support/customer.ts";
import { seededDraw, seedOfRun } from "../support/draw.ts";
import { postRaw, type RpcAnswer, rpc } from "../support/json-rpc.ts";
import { type Plane, startPlane, type Victim } from "../support/plane.ts";
import { untilNoProcess } from "../support/processes.ts";
import { until } from "../support/until.ts";

const rounds = Number(process.env["PORTOLAN_KILL_ROUNDS"] ?? 16);
const seed = seedOfRun();
const draw = seededDraw(seed);
const victims: readonly Victim[] = ["worker", "gateway", "anvil", "postgres", "everything", "worker", "anvil", "api"];

/** Everything converges within this once its processes are back. */
const convergeMs = 180_000;

let plane: Plane;
let customer: Customer;
/** Lives through all rounds, under load. */
let steady: Chain;
let steadyId: unknown;

beforeAll(async () => {
  plane = await startPlane();
  customer = await signUp(plane);
  steady = await createChain(plane, customer, { name: "steady" });
  steadyId = await rpc(steady.url, "eth_chainId");
});
afterAll(() => plane?.stop());

type Action = "create" | "pause" | "resume" | "delete";

interface Subject {
  id: string;
  state: "running" | "paused" | "deleted";
}

const chains = new Map<string, Subject>();

const isWorthAnotherTry = (error: unknown): boolean =>
  !(error instanceof PortolanError) || error.status === 503 || error.status === 500 || error.status === 429;

/** A wish that is sent until the API has taken it: its process, or the database, may be what was killed. */
const insist = async (send: () => Promise<OperationResource>): Promise<OperationResource> => {
  const endsAt = Date.now() + convergeMs;
  for (;;) {
    try {
      return await send();
    } catch (error) {
      if (!isWorthAnotherTry(error) || Date.now() > endsAt) throw error;
      await sleep(200);
    }
  }
};

const wish = (action: Action, subject: Subject | undefined, key: string): Promise<OperationResource> => {
  const { sdk } = customer;
  if (action === "create" || subject === undefined) {
    return insist(() => sdk.chains.create({ body: chainBody(customer, { name: key }), idempotencyKey: key }));
  }
  const params = { chain: subject.id };
  if (action === "pause") return insist(() => sdk.chains.pause({ params, idempotencyKey: key }));
  if (action === "resume") return insist(() => sdk.chains.resume({ params, idempotencyKey: key }));
  return insist(async () => {
    try {
      return await sdk.chains.delete({ params });
    } catch (error) {
      // The first attempt was carried out and its answer lost: its operation is the newest one.
      if (!(error instanceof PortolanError) || error.code !== "chain.deleted") throw error;
      const { items } = await sdk.operations.list({ query: { chainId: subject.id, pageSize: 1 } });
      const [newest] = items;
      if (newest === undefined) throw error;
      return newest;
    }
  });
};

/** What may be asked of a chain in its state; with none there, one is made. */
const nextAction = (): { action: Action; subject: Subject | undefined } => {
  const live = [...chains.values()].filter(({ state }) => state !== "deleted");
  if (live.length === 0 || (live.length < 4 && draw() < 0.4)) return { action: "create", subject: undefined };
  const subject = live[Math.floor(draw() * live.length)];
  if (subject === undefined) return { action: "create", subject };
  if (subject.state === "paused") return { action: draw() < 0.7 ? "resume" : "delete", subject };
  return { action: draw() < 0.6 ? "pause" : "delete", subject };
};

const stateAfter = { create: "running", resume: "running", pause: "paused", delete: "deleted" } as const;

/** anvils per chain, by the labels in their environments, against what each chain's wish is. */
const expectOneNodePerChain = async (): Promise<void> => {
  const wanted = [...chains.values()].filter(({ state }) => state === "running").length + 1;
  const seen = () => plane.processes().filter(({ name }) => name === "anvil");
  await until(`${wanted} anvils run`, async () => seen().length === wanted || undefined).catch(() => undefined);
  const nodes = seen();
  expect(nodes.map(({ placementId }) => placementId)).toHaveLength(wanted);
  expect(new Set(nodes.map(({ placementId }) => placementId)).size).toBe(wanted);
};

/** Calls at a low rate from beginning to end; every answer is the right one or a refusal that says why. */
const startCalls = () => {
  let isOver = false;
  const wrong: string[] = [];
  let answered = 0;
  const run = async () => {
    while (!isOver) {
      await sleep(10);
      const body = '{"jsonrpc":"2.0","id":"x","method":"eth_chainId"}';
      const got = await postRaw(steady.url, body).catch(() => undefined);
      if (got === undefined) continue;
      const answer: RpcAnswer = JSON.parse(got.text);
      if (answer.error === undefined && answer.result === steadyId && answer.id === "x") answered += 1;
      else if (![503, 504].includes(got.status)) wrong.push(`${got.status} ${got.text}`);
    }
  };
  const lanes = Promise.all([run(), run()]);
  return {
    wrong,
    answered: () => answered,
    stop: async () => {
      isOver = true;
      await lanes;
    },
  };
};

describe(`kill -9 at any moment (seed ${seed})`, () => {
  it(`${rounds} rounds: every operation ends, one anvil runs per chain, the state is kept`, async () => {
    const calls = startCalls();
    for (let round = 0; round < rounds; round++) {
      const victim = victims[round % victims.length] ?? "everything";
      const { action, subject } = nextAction();
      const height = Number(await until("the chain's height", () => rpc(steady.url, "eth_blockNumber")));
      await until("a block is mined", () => rpc(steady.url, "evm_mine").then(() => true));
      // Plan `dev` writes the state down every five seconds; what was mined after that may be lost.
      if (victim === "anvil" || victim === "everything")
        await until("the block is written down", async () => writtenHeight(plane, steady.id) > height);

      const asked = wish(action, subject, `round-${seed}-${round}`);
      asked.catch(() => undefined);
      const delayMs = Math.floor(draw() ** 2 * 1_500);
      await sleep(delayMs);
      plane.kill(victim);
      const what = `round ${round}: ${action}, kill -9 of ${victim} after ${delayMs} ms`;
      await plane.heal();
      const operation = await asked.catch((error: unknown) => {
        throw new Error(`${what}: not taken`, { cause: error });
      });
      const ended = await finish(customer.sdk, operation.id, convergeMs).catch((error: unknown) => {
        throw new Error(`${what}: did not succeed`, { cause: error });
      });
      chains.set(ended.target.id, { id: ended.target.id, state: stateAfter[action] });

      await expectOneNodePerChain();
      // Killed at an interval's end at the latest: what was mined before the last dump is there.
      const kept = await until(`${what}: the chain answers`, () => rpc(steady.url, "eth_blockNumber"));
      expect(Number(kept), what).toBeGreaterThanOrEqual(height + 1);
    }
    await calls.stop();
    expect(calls.wrong).toEqual([]);
    expect(calls.answered()).toBeGreaterThan(100);

    const { items } = await customer.sdk.operations.list({ query: { pageSize: 200 } });
    expect(items.filter(({ done }) => !done)).toEqual([]);
    // An idempotent creation that was sent again has made one chain.
    const { items: all } = await customer.sdk.chains.list({ query: { pageSize: 200 } });
    expect(new Set(all.map(({ name }) => name)).size).toBe(all.length);
  }, 3_600_000);

  it("SIGINT leaves no process, and the next start finds the chain as it was", async () => {
    const height = Number(await rpc(steady.url, "eth_blockNumber"));
    const running = plane.pids("anvil").length;
    const tookMs = await plane.interrupt();
    expect(await untilNoProcess(plane.home, 10_000)).toEqual([]);
    expect(tookMs).toBeLessThan(60_000);
    await plane.start();
    const found = await until("the chain answers", () => rpc(steady.url, "eth_blockNumber"), { timeoutMs: convergeMs });
    expect(Number(found)).toBeGreaterThanOrEqual(height);
    await until("its chains run again", async () => plane.pids("anvil").length === running || undefined);
  });
});
