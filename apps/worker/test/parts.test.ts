import { chainWishes, inTransaction, operationRepository } from "@portolan/store";
import { fakeAuthority, fakeNotary } from "@portolan/testing";
import { afterEach, expect, test } from "vitest";
import { crashEverywhere } from "./support/crash-loop.ts";
import { clearPlane, fakePlane, runningNodes, startCounts } from "./support/fake-plane.ts";
import { checkPromises } from "./support/promises.ts";
import { runFor, settle } from "./support/settle.ts";
import {
  changeChain,
  changeTopic,
  lastOperation,
  partOperationsOf,
  type TestChain,
  type TopicChange,
  wishChain,
} from "./support/wishes.ts";

const plane = await fakePlane();
afterEach(() => clearPlane(plane));

const load = (id: string) => plane.client.chain.findUniqueOrThrow({ where: { id } });
const once = { "hub-0": 1, "leaf-0": 1, "leaf-1": 1, "leaf-2": 1 };

const running = async (options: Parameters<typeof wishChain>[1] = {}): Promise<TestChain> => {
  const chain = await wishChain(plane, options);
  await settle(plane);
  expect((await load(chain.id)).phase).toBe("running");
  return chain;
};

/** Hours that each node keeps each topic. */
const retention = (chain: TestChain): { [node: string]: unknown } => {
  const nodes = [...chain.placements.values()].flatMap((id) => [
    ...(plane.machines.placements.get(id)?.instances.values() ?? []),
  ]);
  return Object.fromEntries(nodes.map(({ node }) => [node.status().node, node.status().retention]));
};
const everywhere = (topics: object) => Object.fromEntries(Object.keys(once).map((node) => [node, topics]));

const lastOfTopics = async (chain: TestChain) => {
  const last = (await partOperationsOf(plane, chain)).at(-1);
  if (last === undefined) throw new Error("no operation of a topic");
  return last;
};

/** Every phase and route state that the chain has while `work` goes on. */
const phasesDuring = async (chain: TestChain, work: () => Promise<unknown>): Promise<Set<string>> => {
  const seen = new Set<string>();
  const look = async () => {
    const { phase, route } = await load(chain.id);
    seen.add(`${phase} ${(route as { state: string } | null)?.state}`);
  };
  plane.watch.gate = look;
  try {
    await work();
    await look();
  } finally {
    plane.watch.gate = null;
  }
  return seen;
};

test("a topic comes, changes and goes in both regions, and the chain is as it was all the while", async () => {
  const chain = await running();
  const before = await load(chain.id);
  const change = async (topic: TopicChange) => {
    await changeTopic(plane, chain, topic);
    await settle(plane);
    expect((await lastOfTopics(chain)).state).toBe("succeeded");
  };
  const phases = await phasesDuring(chain, async () => {
    await change({ name: "orders", kind: "create" });
    expect(retention(chain)).toEqual(everywhere({ orders: 24 }));
    await change({ name: "orders", kind: "update", settings: { retentionHours: 48 } });
    expect(retention(chain)).toEqual(everywhere({ orders: 48 }));
    await change({ name: "orders", kind: "delete" });
    expect(retention(chain)).toEqual(everywhere({}));
  });
  expect(phases).toEqual(new Set(["running open"]));
  expect(startCounts(plane, chain)).toEqual(once);
  expect((await load(chain.id)).generation).toBe(before.generation);
  const part = await plane.client.part.findFirstOrThrow({ where: { chainId: chain.id } });
  expect(part).toMatchObject({ generation: 3, observedGeneration: 3, deletedAt: expect.any(Date) });
});

test("one that the network refuses needs attention with the step's own error, and holds up nothing else", async () => {
  const chain = await running();
  await changeTopic(plane, chain, { name: "bad", kind: "create", settings: { isRefused: true } });
  await settle(plane);
  const bad = await lastOfTopics(chain);
  expect(bad).toMatchObject({
    state: "needsAttention",
    error: { code: "step.failed", message: "hub-0 refuses the topic bad.", hint: "Delete it, or change its settings." },
  });
  expect(bad.steps.find(({ key }) => key === "step/topic/bad/1/hub-0")).toMatchObject({
    state: "failed",
    error: { code: "step.failed" },
  });
  const steady = await load(chain.id);
  expect(steady).toMatchObject({ phase: "running", observedGeneration: steady.generation });
  expect(steady.conditions).toMatchObject([1, 2, 3, 4].map(() => ({ status: "true" })));

  const phases = await phasesDuring(chain, async () => {
    await changeTopic(plane, chain, { name: "good", kind: "create" });
    await settle(plane);
    await runFor(plane, 600_000);
  });
  expect(phases).toEqual(new Set(["running open"]));
  const states = (await partOperationsOf(plane, chain)).map(({ kind, state }) => `${kind} ${state}`);
  expect(states).toEqual(["part.create needsAttention", "part.create succeeded"]);
  expect(retention(chain)).toEqual(everywhere({ good: 24 }));
  // Neither does it keep the chain itself from changing.
  await changeChain(plane, chain, { kind: "chain.update", wish: "running", settings: { leaves: 4 } });
  await settle(plane);
  expect((await lastOperation(plane, chain)).state).toBe("succeeded");
  expect(retention(chain)["leaf-3"]).toEqual({ good: 24 });

  await changeTopic(plane, chain, { name: "bad", kind: "delete" });
  await settle(plane);
  expect((await partOperationsOf(plane, chain)).map(({ kind, state }) => `${kind} ${state}`)).toEqual([
    "part.create cancelled",
    "part.create succeeded",
    "part.delete succeeded",
  ]);
});

test("what a change of the chain leaves to be done for its topics is of that change's operation", async () => {
  const chain = await running();
  await changeTopic(plane, chain, { name: "orders", kind: "create" });
  await settle(plane);
  await changeChain(plane, chain, { kind: "chain.update", wish: "running", settings: { leaves: 4 } });
  await settle(plane);
  const done = await lastOperation(plane, chain);
  expect(done.state).toBe("succeeded");
  const keys = done.steps.map(({ key, state }) => `${key} ${state}`);
  expect(keys).toContain("step/topic/orders/1/leaf-3 succeeded");
  expect(retention(chain)["leaf-3"]).toEqual({ orders: 24 });
  expect(await partOperationsOf(plane, chain)).toHaveLength(1);
});

test("one that fails for good is tried ever more seldom", async () => {
  const chain = await running();
  await changeTopic(plane, chain, { name: "bad", kind: "create", settings: { isRefused: true } });
  await settle(plane);
  await runFor(plane, 120_000);
  const placement = () => plane.client.placement.findFirstOrThrow({ where: { chainId: chain.id, region: "east" } });
  const before = await placement();
  await runFor(plane, 600_000);
  const passes = Number((await placement()).fence - before.fence);
  expect(passes).toBeGreaterThan(30);
  expect(passes).toBeLessThan(130);
});

/** As POST /v1/operations/{operation}/retry does. */
const retry = async (chain: TestChain, operationId: string): Promise<void> => {
  plane.clock.advance(1);
  await inTransaction(plane.client, async (transaction) => {
    await operationRepository.markRetried(transaction, chain.tenantId, operationId);
    await chainWishes.nudge(transaction, chain.tenantId, chain.id, plane.clock.now());
  });
  await plane.worker().coordinate(chain.id);
};

test("tried again it is not judged by a node that failed before, only by one that fails then", async () => {
  const chain = await running();
  plane.machines.missingPrograms.add("relay");
  await changeTopic(plane, chain, { name: "news", kind: "create", settings: { hasRelay: true } });
  await settle(plane);
  const stuck = await lastOfTopics(chain);
  expect(stuck).toMatchObject({ state: "needsAttention", error: { code: "framework.program_missing" } });
  await retry(chain, stuck.id);
  expect(await lastOfTopics(chain)).toMatchObject({ state: "running", error: null });
  await settle(plane);
  expect((await lastOfTopics(chain)).state).toBe("needsAttention");
  plane.machines.missingPrograms.clear();
  await retry(chain, stuck.id);
  await settle(plane);
  expect(await lastOfTopics(chain)).toMatchObject({ id: stuck.id, state: "succeeded" });
});

test("tried again it is not judged by what failed before, and the chain's log has it", async () => {
  const chain = await running();
  await changeTopic(plane, chain, { name: "news", kind: "create", settings: { isRefused: true } });
  await settle(plane);
  const stuck = await lastOfTopics(chain);
  expect(stuck.state).toBe("needsAttention");
  await retry(chain, stuck.id);
  const again = await lastOfTopics(chain);
  expect(again).toMatchObject({ state: "running", error: null });
  expect(again.steps.find(({ key }) => key === "step/topic/news/1/hub-0")?.state).toBe("running");
  await settle(plane);
  expect((await lastOfTopics(chain)).state).toBe("needsAttention");
  const events = await plane.client.chainEvent.findMany({ where: { chainId: chain.id, type: "topic" } });
  expect(events.map(({ reason }) => reason)).toEqual(["step.failed", "step.failed"]);
  expect(events[0]?.message).toContain("hub-0 refuses the topic news.");
});

test("a change of the settings mends it, and its operation ends", async () => {
  const chain = await running();
  await changeTopic(plane, chain, { name: "bad", kind: "create", settings: { isRefused: true } });
  await settle(plane);
  await changeTopic(plane, chain, { name: "bad", kind: "update", settings: { isRefused: false } });
  await settle(plane);
  expect(await lastOfTopics(chain)).toMatchObject({ kind: "part.update", state: "succeeded", error: null });
  expect(retention(chain)).toEqual(everywhere({ bad: 24 }));
});

test("what needs attention goes on with other settings, and is the creation that it was", async () => {
  const chain = await running();
  await changeTopic(plane, chain, { name: "bad", kind: "create", settings: { isRefused: true } });
  await settle(plane);
  const stuck = await lastOfTopics(chain);
  expect(stuck.state).toBe("needsAttention");
  await changeTopic(plane, chain, { name: "bad", kind: "mend", settings: { isRefused: false } });
  await settle(plane);
  expect(await partOperationsOf(plane, chain)).toMatchObject([
    { id: stuck.id, kind: "part.create", state: "succeeded", error: null },
  ]);
  expect(retention(chain)).toEqual(everywhere({ bad: 24 }));
});

test("what can't be said in a pass has not been done: a step that failed stays as it was", async () => {
  const chain = await running();
  await changeTopic(plane, chain, { name: "bad", kind: "create", settings: { isRefused: true } });
  await settle(plane);
  const states = async () => (await lastOfTopics(chain)).steps.map(({ key, state }) => `${key} ${state}`);
  const before = await states();
  expect(before.some((state) => state.startsWith("step/") && state.endsWith(" failed"))).toBe(true);
  await plane.client.$executeRaw`update placements set view = null where chain_id = ${chain.id}`;
  await plane.client.chain.update({ where: { id: chain.id }, data: { nextAt: plane.clock.now() } });
  await plane.worker().coordinate(chain.id);
  const said = await states();
  expect(said.filter((state) => state.startsWith("step/"))).toEqual(
    before.filter((state) => state.startsWith("step/")),
  );
});

test("a part's own node is the part's matter: the chain goes on without it, and the operation says what it lacks", async () => {
  const chain = await running();
  plane.machines.missingPrograms.add("relay");
  const phases = await phasesDuring(chain, async () => {
    await changeTopic(plane, chain, { name: "news", kind: "create", settings: { hasRelay: true } });
    await settle(plane);
  });
  expect(phases).toEqual(new Set(["running open"]));
  expect(await lastOfTopics(chain)).toMatchObject({
    state: "needsAttention",
    error: { code: "framework.program_missing", hint: "Put relay on the worker's PATH." },
  });
  const stuck = await load(chain.id);
  expect(stuck).toMatchObject({ phase: "running", observedGeneration: stuck.generation });

  plane.machines.missingPrograms.clear();
  await settle(plane, plane.worker(), async () => (await lastOfTopics(chain)).state === "succeeded");
  const done = await lastOfTopics(chain);
  expect(done.error).toBeNull();
  expect(done.steps.map(({ key, state }) => `${key} ${state}`)).toContain("nodes succeeded");
  expect(runningNodes(plane, chain)).toContain("relay-news-0");
  expect(startCounts(plane, chain)).toEqual({ ...once, "relay-news-0": 1 });

  await changeTopic(plane, chain, { name: "news", kind: "delete" });
  await settle(plane);
  expect(runningNodes(plane, chain)).toEqual(Object.keys(once));
});

test("a cancelled creation leaves nothing of it, a cancelled change goes back", async () => {
  const chain = await running();
  await changeTopic(plane, chain, { name: "bad", kind: "create", settings: { isRefused: true } });
  await settle(plane);
  const creation = await changeTopic(plane, chain, { name: "bad", kind: "cancel" });
  await settle(plane);
  expect(await lastOfTopics(chain)).toMatchObject({ id: creation, state: "cancelled" });
  expect(retention(chain)).toEqual(everywhere({}));
  const part = await plane.client.part.findFirstOrThrow({ where: { chainId: chain.id } });
  expect(part).toMatchObject({ deletedAt: expect.any(Date), observedGeneration: part.generation });
});

test("what is under way waits visibly while the chain is paused, and goes on when it runs again", async () => {
  const chain = await running({ plan: "standard" });
  await changeTopic(plane, chain, { name: "orders", kind: "create" });
  await changeChain(plane, chain, { kind: "chain.pause", wish: "paused" });
  await settle(plane);
  expect(await lastOfTopics(chain)).toMatchObject({ state: "needsAttention", error: { code: "chain.wrong_phase" } });
  await changeChain(plane, chain, { kind: "chain.resume", wish: "running" });
  await settle(plane, plane.worker(), async () => (await lastOfTopics(chain)).state === "succeeded");
  expect(retention(chain)).toEqual(everywhere({ orders: 24 }));
});

test("the end of a chain is the end of what is under way on its parts", async () => {
  const chain = await running();
  await changeTopic(plane, chain, { name: "orders", kind: "create", settings: { isRefused: true } });
  await settle(plane);
  await changeChain(plane, chain, { kind: "chain.delete", wish: "deleted" });
  await settle(plane);
  expect((await lastOfTopics(chain)).state).toBe("cancelled");
  expect((await load(chain.id)).phase).toBe("purged");
});

test("a wish that arrives while a pass is about to say that the former one is reached is not taken for reached", async () => {
  const chain = await running();
  await changeTopic(plane, chain, { name: "orders", kind: "create" });
  let isLate = false;
  const gate = async (name: string) => {
    if (name !== "before chains.save" || isLate) return;
    if (Object.keys(retention(chain)["leaf-1"] as object).length === 0) return;
    isLate = true;
    await changeTopic(plane, chain, { name: "orders", kind: "update", settings: { retentionHours: 72 } });
  };
  await settle(plane, plane.worker(gate));
  expect(isLate).toBe(true);
  expect(retention(chain)).toEqual(everywhere({ orders: 72 }));
  await checkPromises(plane, chain, "late wish");
});

test("a region has nothing signed but with what the framework names", async () => {
  const chain = await running();
  const { publicKey } = await plane
    .signerFor({ tenantId: chain.tenantId, chainId: chain.id })
    .createKey(fakeNotary, "ed25519");
  expect(publicKey).toContain("PUBLIC KEY");
  const claim = await plane.centre.claim(chain.placements.get("east") ?? "", { id: "w", leaseMs: 15_000 });
  const sign = (ref: string) =>
    plane.centre.sign(claim?.placementId ?? "", claim?.fence ?? 0n, ref, new Uint8Array([1, 2, 3]));
  await expect(sign(fakeAuthority)).rejects.toMatchObject({ code: "permission.denied" });
  expect(await sign(fakeNotary)).toMatchObject({ fenced: false, signature: expect.any(Uint8Array) });
});

test("a topic's life: a worker may die at any place", { timeout: 900_000 }, async () => {
  let chain: TestChain | null = null;
  let round = 0;
  const turns = ["create", "update", "delete"] as const;
  const places = await crashEverywhere(
    plane,
    {
      wish: async () => {
        if (chain === null) chain = await running({ settings: { leaves: 2 } });
        const kind = turns[round % 3] ?? "create";
        const settings = { retentionHours: 24 + round };
        await changeTopic(plane, chain, { name: `topic-${Math.floor(round / 3)}`, kind, settings });
        round += 1;
        return chain;
      },
      check: async (changed, at) => {
        expect((await lastOfTopics(changed)).state, at).toBe("succeeded");
        expect(startCounts(plane, changed), at).toEqual({ "hub-0": 1, "leaf-0": 1, "leaf-1": 1 });
      },
    },
    2,
  );
  expect(places).toBeGreaterThan(10);
});
