import { afterEach, describe, expect, it } from "vitest";
import { type OctezScene, openOctezScene, type SceneOptions } from "../../test/octez-scene.ts";
import { inspection } from "./inspection.ts";

const opened: OctezScene[] = [];
afterEach(async () => {
  for (const scene of opened.splice(0)) await scene.close();
});

const open = async (options?: SceneOptions): Promise<OctezScene> => {
  const scene = await openOctezScene(options);
  opened.push(scene);
  return scene;
};

/** A chain that is well, at block 3. */
const openLiving = async (options?: SceneOptions): Promise<OctezScene> => {
  const scene = await open(options);
  await scene.act(await scene.look());
  scene.chain.bake();
  scene.chain.bake();
  return scene;
};

describe("a look at a chain's nodes, on scripted peers", () => {
  it("sees a chain that waits for its activation", async () => {
    const scene = await open();
    const view = await scene.look();
    expect(view.nodes).toMatchObject({
      "baker-0": { healthy: false, reason: "waiting for activation", height: "0" },
      "rpc-0": { healthy: false, reason: "waiting for activation", height: "0" },
    });
    expect(view.facts).toEqual({ chainId: scene.genesis.chainId, genesis: scene.genesis.block });
  });
  it("sees a chain that is well", async () => {
    const scene = await openLiving();
    const view = await scene.look();
    expect(view.nodes).toMatchObject({
      "baker-0": { healthy: true, height: "3", detail: { peers: 1, syncState: "synced", program: "25.1" } },
      "rpc-0": { healthy: true, height: "3" },
    });
    expect(view.facts).toMatchObject({ chainId: scene.genesis.chainId, isActivated: true });
    expect(view.facts["protocol"]).toMatch(/^PsUshuai/);
    expect(scene.steps(view)).toEqual([]);
  });
  it("is not content with the activation alone: bakers must bake", async () => {
    const scene = await open();
    await scene.act(await scene.look());
    const view = await scene.look();
    expect(view.nodes["baker-0"]).toMatchObject({ healthy: false, reason: "waiting for the first baked block" });
    scene.chain.bake();
    expect((await scene.look(view)).nodes["baker-0"]).toMatchObject({ healthy: true });
  });
  it("finds a head that is too old, and what that may mean", async () => {
    const scene = await openLiving();
    scene.clock.advance(60_000);
    expect((await scene.look()).nodes["rpc-0"]?.healthy).toBe(true);
    scene.clock.advance(1_000);
    scene.node("rpc-0").say({ peers: 0 });
    const view = await scene.look();
    expect(view.nodes["baker-0"]).toMatchObject({ healthy: false, reason: "no block for 61 s" });
    expect(view.nodes["rpc-0"]?.reason).toContain("connected with no other node");
    scene.clock.advance(86_400_000);
    expect((await scene.look()).nodes["baker-0"]?.reason).toMatch(/the next attempt at one may take \d+ s/);
  });
  it("believes is_bootstrapped only where it says no", async () => {
    const scene = await openLiving();
    scene.node("rpc-0").say({ sync: { bootstrapped: false, sync_state: "unsynced" } });
    scene.node("baker-0").say({ sync: { bootstrapped: true, sync_state: "stuck" } });
    const view = await scene.look();
    expect(view.nodes["rpc-0"]).toMatchObject({
      healthy: false,
      reason: "not in step with its peers yet (unsynced)",
    });
    expect(view.nodes["baker-0"]?.healthy).toBe(true);
  });
  it("finds a node that lies behind at block 0, and one that has gone back", async () => {
    const scene = await open();
    scene.node("rpc-0").freeze();
    await scene.act(await scene.look());
    for (let count = 0; count < 5; count++) scene.chain.bake();
    expect((await scene.look()).nodes["rpc-0"]?.reason).toBe("waiting for the chain's blocks: another node is at 6");
    scene.node("rpc-0").thaw();
    const view = await scene.look();
    const further = { ...view, nodes: { ...view.nodes, "rpc-0": { healthy: true, height: "9" } } };
    expect((await scene.look(further)).nodes["rpc-0"]?.reason).toBe("it went back from block 9 to 6");
    const near = { ...view, nodes: { ...view.nodes, "rpc-0": { healthy: true, height: "8" } } };
    expect((await scene.look(near)).nodes["rpc-0"]?.healthy).toBe(true);
  });
  it("does not begin anew what has lost its data", async () => {
    const scene = await openLiving();
    const before = await scene.look();
    const empty = await open();
    const view = await empty.look(before);
    expect(view.nodes["baker-0"]?.reason).toBe("it is at block 0 of a chain that had more: its data is gone");
    expect(empty.steps(view)).toEqual([]);
    const imported = await empty.look(null, { isImported: true });
    expect(imported.nodes["baker-0"]?.reason).toContain("its data is gone");
  });
  it("does not take another chain for its own", async () => {
    const scene = await openLiving();
    const known = inspection(scene.spec, scene.material);
    const genesis = { ...scene.genesis, chainId: "NetXsqzbfFenSTS" };
    const view = await scene.look(null, { inspection: { ...known, genesis: { ...genesis } } });
    expect(view.nodes["rpc-0"]?.reason).toBe(`it is on chain ${scene.genesis.chainId}, not on NetXsqzbfFenSTS`);
    expect(view.facts["isActivated"]).toBeUndefined();
  });
  it("says which protocol is in force where it is another, and that it is not what was wished", async () => {
    const scene = await openLiving();
    scene.chain.replaceProtocol("PtTALLiNtPec7mE7yY4m3k26J8Qukef3E3ehzhfXgFZKGtDdAXu");
    const view = await scene.look();
    expect(view.nodes["rpc-0"]?.reason).toMatch(/^protocol PtTALLiN\w+ is in force, not PsUshuai/);
    expect(scene.steps(view)).toHaveLength(1);
  });
  it("lets a dead node cost its own health only, and keeps what was known", async () => {
    const scene = await openLiving();
    const before = await scene.look();
    await scene.node("rpc-0").close();
    const view = await scene.look(before);
    expect(view.nodes).toMatchObject({
      "baker-0": { healthy: true },
      "rpc-0": { healthy: false, reason: "not answering yet" },
    });
    await scene.node("baker-0").close();
    expect((await scene.look(view)).facts).toEqual(before.facts);
  });
  it("does without what a node keeps to itself, and repeats why it refuses the rest", async () => {
    const scene = await openLiving();
    const denied = { status: 403, errors: [] };
    scene.node("rpc-0").fault({ path: /^\/network\/connections$/, does: denied });
    scene.node("baker-0").fault({
      path: /\/header$/,
      does: { status: 500, errors: [{ kind: "temporary", id: "store.block_not_found" }] },
    });
    const view = await scene.look();
    expect(view.nodes["rpc-0"]).toMatchObject({ healthy: true, detail: { peers: null } });
    expect(view.nodes["baker-0"]?.reason).toBe("it refuses to say how it is: store.block_not_found");
  });
  it("waits where nothing is known of the genesis", async () => {
    const scene = await open();
    expect((await scene.look(null, { inspection: {} })).nodes["rpc-0"]?.reason).toBe("waiting for the genesis");
  });
});
