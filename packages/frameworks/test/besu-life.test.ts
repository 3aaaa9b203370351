import { afterEach, expect, test } from "vitest";
import { type BesuPlane, createBesuPlane } from "./besu-plane.ts";
import { besuSpec } from "./besu-spec.ts";

const planes: BesuPlane[] = [];
const start = async (...input: Parameters<typeof createBesuPlane>): Promise<BesuPlane> => {
  const plane = await createBesuPlane(...input);
  planes.push(plane);
  await plane.settle();
  return plane;
};
afterEach(async () => {
  for (const plane of planes.splice(0)) {
    expect(plane.network.state.broken).toEqual([]);
    await plane.network.close();
  }
});

const names = (...ordinals: number[]): string[] => ordinals.map((ordinal) => `validator-${ordinal}`);
const votesLeft = (plane: BesuPlane) => [...plane.network.nodes.values()].flatMap(({ votes }) => [...votes.keys()]);

test("four validators come to be without a vote, and everybody is well", async () => {
  const plane = await start(besuSpec({ validators: 4 }));
  expect(plane.validators()).toEqual(names(0, 1, 2, 3));
  expect(plane.network.state.changes).toEqual([]);
  const view = plane.merged();
  expect(Object.values(view?.nodes ?? {}).every(({ healthy }) => healthy)).toBe(true);
  expect(view?.facts["validators"]).toHaveLength(4);
});

test("at rest looks differ in nothing but heights: whatever else moved would wake the chain's coordinator", async () => {
  const plane = await start(besuSpec({ validators: 4 }, { regions: ["a", "b"] }));
  const seen = () =>
    Object.fromEntries(
      [...plane.state.views].map(([region, { nodes, facts }]) => [
        region,
        { facts, nodes: Object.entries(nodes).map(([name, { height: _height, ...node }]) => [name, node]) },
      ]),
    );
  plane.network.advance(30_000);
  await plane.pass();
  const before = seen();
  const height = plane.merged()?.nodes["rpc-0"]?.height;
  plane.network.advance(15_000);
  await plane.pass();
  expect(seen()).toEqual(before);
  expect(plane.merged()?.nodes["rpc-0"]?.height).not.toBe(height);
});

test("a validator is replaced: the new one has the whole chain before it is voted in, the old one runs until it is out", async () => {
  const plane = await start(besuSpec({ validators: 4 }));
  plane.network.advance(400_000);
  plane.change({ retiredValidators: [1] });
  const passes = await plane.settle();
  expect(plane.network.state.changes).toEqual(["+validator-4", "-validator-1"]);
  expect(plane.validators()).toEqual(names(0, 2, 3, 4));
  expect([...plane.network.nodes.keys()].sort()).toEqual([...["rpc-0", "rpc-1"], ...names(0, 2, 3, 4)]);
  expect(votesLeft(plane)).toEqual([]);
  const titles = passes.flatMap(({ steps }) => steps.map(({ title }) => title));
  expect([...new Set(titles)]).toEqual(
    expect.arrayContaining([
      "Wait until validator-4 has the whole chain",
      "Vote validator-4 in",
      "Vote validator-1 out",
    ]),
  );
});

test("one grows to four and seven to five, one at a time", async () => {
  const one = await start(besuSpec({ validators: 1 }));
  one.change({ validators: 4 });
  await one.settle();
  expect(one.network.state.changes).toEqual(["+validator-1", "+validator-2", "+validator-3"]);
  const seven = await start(besuSpec({ validators: 7 }));
  seven.change({ validators: 5, retiredValidators: [0, 6] });
  await seven.settle();
  expect(seven.network.state.changes.toSorted()).toEqual(["-validator-0", "-validator-6"]);
});

test("of two regions each lets its own validators vote", async () => {
  const plane = await start(besuSpec({ validators: 4 }, { regions: ["a", "b"] }));
  plane.change({ validators: 5, retiredValidators: [0] });
  const passes = await plane.settle();
  expect(plane.validators()).toEqual(names(1, 2, 3, 4, 5));
  const votes = passes.flatMap(({ steps }) => steps.filter(({ action }) => action === "validator.vote"));
  expect(new Set(votes.map(({ region }) => region))).toEqual(new Set(["a", "b"]));
  expect(votesLeft(plane)).toEqual([]);
});

test("who is voted for and not wished any more runs until nobody can vote for it", async () => {
  const controller = new AbortController();
  let proposals = 0;
  const plane = await start(besuSpec({ validators: 4 }), {
    onCall: (_node, method) => {
      if (method === "qbft_proposeValidatorVote" && ++proposals === 4) controller.abort(new Error("the worker died"));
    },
  });
  plane.change({ validators: 5 });
  for (let count = 0; count < 20 && !controller.signal.aborted; count++)
    await plane.pass(controller.signal).catch(() => undefined);
  expect(votesLeft(plane).length).toBeGreaterThan(2);
  plane.change({ validators: 4, retiredValidators: [4] });
  await plane.settle();
  expect(plane.validators()).toEqual(names(0, 1, 2, 3));
  expect([plane.network.nodes.has("validator-4"), votesLeft(plane)]).toEqual([false, []]);
});

test("after a backup from before two were replaced those two come back, vote, and go again", async () => {
  const plane = await start(besuSpec({ validators: 4 }));
  const former = [...plane.network.state.validators];
  for (const retiredValidators of [[0], [0, 1]]) {
    plane.change({ retiredValidators });
    await plane.settle();
  }
  expect(plane.validators()).toEqual(names(2, 3, 4, 5));
  plane.network.state.validators = former;
  plane.network.state.changes = [];
  expect(plane.network.live()).toEqual([]);
  await plane.settle();
  expect(plane.validators()).toEqual(names(2, 3, 4, 5));
  expect(plane.network.state.changes).toEqual(["+validator-4", "+validator-5", "-validator-0", "-validator-1"]);
});

test("a dead validator is voted out before its successor is voted in", async () => {
  const plane = await start(besuSpec({ validators: 4 }));
  plane.network.stop("validator-2");
  const dead = plane.network.nodes.get("validator-2");
  if (dead !== undefined) dead.isFailed = true;
  await plane.pass();
  plane.change({ retiredValidators: [2] });
  await plane.settle();
  // It went at once, since nothing was to be had of it; what is left of it is its address in the set.
  expect(plane.network.state.changes).toEqual([`-${dead?.address}`, "+validator-4"]);
});

test("what would leave no quorum waits and says why; it goes on when the others are back", async () => {
  const plane = await start(besuSpec({ validators: 4 }));
  for (const name of names(0, 3)) plane.network.stop(name);
  for (let count = 0; count < 25; count++) await plane.pass();
  const view = plane.merged();
  expect(view?.nodes["validator-1"]).toMatchObject({
    healthy: false,
    reason: expect.stringMatching(/no block came after \d+: of 4 validators 3 are needed, and 2 of 4 answer here/),
    hint: expect.stringMatching(/pause and resume/),
  });
  // Callers may still read.
  expect(view?.nodes["rpc-0"]?.healthy).toBe(true);
  plane.change({ retiredValidators: [1] });
  await plane.pass();
  const { failures } = await plane.pass();
  expect([...failures.values()].map(({ message }) => message).join()).toMatch(/3 of 4 validators are needed/);
  expect(plane.network.nodes.get("validator-1")?.isUp).toBe(true);
  for (const name of names(0, 3)) {
    const node = plane.network.nodes.get(name);
    if (node !== undefined) await plane.network.start(node);
  }
  await plane.settle();
  expect(plane.validators()).toEqual(names(0, 2, 3, 4));
});

test("votes that an epoch forgets are cast again", async () => {
  const plane = await start(besuSpec({ validators: 7 }), { epochLength: 6 });
  plane.change({ validators: 8 });
  await plane.settle();
  expect(plane.validators()).toHaveLength(8);
  expect(plane.network.state.epochs).toBeGreaterThan(2);
});

test("a voter that dies and forgets votes again when it is back", async () => {
  let proposals = 0;
  const plane: BesuPlane = await start(besuSpec({ validators: 4 }), {
    onCall: (node, method) => {
      if (method !== "qbft_proposeValidatorVote" || node !== "validator-0" || ++proposals > 1) return;
      plane.network.nodes.get(node)?.votes.clear();
      throw new Error("it died of it");
    },
  });
  plane.change({ validators: 5 });
  await plane.settle();
  expect(proposals).toBeGreaterThan(1);
  expect(plane.validators()).toHaveLength(5);
});

test("who dies while the others vote for it is not voted in dead; it comes in once it is back", async () => {
  let isDead = false;
  const plane: BesuPlane = await start(besuSpec({ validators: 4 }), {
    onCall: (_node, method) => {
      if (method !== "qbft_proposeValidatorVote" || isDead) return;
      isDead = true;
      plane.network.stop("validator-4");
    },
  });
  plane.change({ validators: 5 });
  for (let count = 0; count < 12; count++) await plane.pass();
  expect(isDead).toBe(true);
  expect(plane.validators()).toEqual(names(0, 1, 2, 3));
  expect(votesLeft(plane)).toEqual([]);
  const candidate = plane.network.nodes.get("validator-4");
  if (candidate !== undefined) await plane.network.start(candidate);
  await plane.settle();
  expect(plane.validators()).toEqual(names(0, 1, 2, 3, 4));
});

test("a vote that was left behind is taken back, and never cast again", async () => {
  const plane = await start(besuSpec({ validators: 4 }));
  const address = plane.network.nodes.get("validator-3")?.address ?? "";
  plane.network.nodes.get("validator-0")?.votes.set(address, true);
  plane.network.nodes.get("validator-1")?.votes.set(`0x${"ee".repeat(20)}`, true);
  await plane.pass();
  await plane.settle();
  expect(votesLeft(plane)).toEqual([]);
});

test("a node that nobody dialled is told to the validators that run", async () => {
  const plane = await start(besuSpec({ validators: 4 }));
  for (const node of plane.network.nodes.values()) {
    node.knows.delete("validator-3");
    if (node.name === "validator-3") node.knows.clear();
  }
  plane.network.nodes.get("validator-3")?.knows.add("rpc-0");
  await plane.pass();
  expect(plane.merged()?.nodes["validator-0"]?.detail?.["peers"]).toBe(4);
  await plane.pass();
  const passes = await plane.settle();
  expect(passes.flatMap(({ steps }) => steps.map(({ action }) => action))).toContain("peers.add");
  expect(plane.merged()?.nodes["validator-0"]?.detail?.["peers"]).toBe(5);
});

test("another release goes to the RPC nodes first and then to one validator at a time", async () => {
  const plane = await start(besuSpec({ validators: 4 }, { version: "26.8.1" }));
  plane.change({}, { version: "26.9.0" });
  const order: string[] = [];
  for (let count = 0; count < 60 && order.length < 6; count++) {
    const { rolled } = await plane.pass();
    expect(rolled.length).toBeLessThan(2);
    order.push(...rolled);
  }
  expect(order.slice(0, 2)).toEqual(["rpc-0", "rpc-1"]);
  expect(order.slice(2).toSorted()).toEqual(names(0, 1, 2, 3));
  await plane.settle();
});

test("with a list of nodes the others learn of a new one by a restart each, before it has a vote", async () => {
  const plane = await start(besuSpec({ validators: 4, permissions: { nodes: true } }));
  plane.change({ validators: 5 });
  const rolled = (await plane.settle()).flatMap((pass) => ("rolled" in pass ? (pass.rolled as string[]) : []));
  expect(plane.network.state.changes).toEqual(["+validator-4"]);
  expect(rolled.toSorted()).toEqual(["rpc-0", "rpc-1", ...names(0, 1, 2, 3)]);
  expect(plane.network.live()).toHaveLength(5);
});

test("a node with another chain's data is found by its block 0", async () => {
  const plane = await start(besuSpec({ validators: 4 }));
  plane.network.state.genesis = "another";
  await plane.pass();
  expect(plane.merged()?.nodes["validator-0"]).toMatchObject({ healthy: false, reason: /its block 0 is/ });
});

test("whoever fails in the middle of a replacement, the next pass goes on from there", async () => {
  const outcomes: number[] = [];
  for (const place of [3, 20, 41, 62, 80]) {
    const crash = { calls: 0, controller: new AbortController(), isArmed: false };
    const plane: BesuPlane = await start(besuSpec({ validators: 4 }), {
      onCall: () => {
        if (crash.isArmed && ++crash.calls === place) crash.controller.abort(new Error("the worker died"));
      },
    });
    plane.change({ retiredValidators: [2] });
    crash.isArmed = true;
    let passes = 0;
    while (!crash.controller.signal.aborted && passes++ < 30)
      await plane.pass(crash.controller.signal).catch(() => undefined);
    await plane.settle();
    expect(plane.network.state.changes).toEqual(["+validator-4", "-validator-2"]);
    expect(votesLeft(plane)).toEqual([]);
    expect(plane.network.state.broken).toEqual([]);
    outcomes.push(crash.calls);
  }
  expect(outcomes.every((calls) => calls > 0)).toBe(true);
});
