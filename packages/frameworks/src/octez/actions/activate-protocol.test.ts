import { DomainError } from "@portolan/domain";
import { afterEach, describe, expect, it } from "vitest";
import { type OctezScene, openOctezScene, type SceneOptions } from "../../../test/octez-scene.ts";
import { octezSigner } from "../../../test/octez-spec.ts";
import { activationNode } from "../topology.ts";

const opened: OctezScene[] = [];
afterEach(async () => {
  for (const scene of opened.splice(0)) await scene.close();
});

const open = async (options?: SceneOptions): Promise<OctezScene> => {
  const scene = await openOctezScene(options);
  opened.push(scene);
  return scene;
};

/** What the action throws, as the operation would show it. */
const refusal = async (running: Promise<unknown>): Promise<DomainError> => {
  const thrown: unknown = await running.then(
    () => new Error("nothing was thrown"),
    (error: unknown) => error,
  );
  if (!(thrown instanceof DomainError)) throw thrown;
  return thrown;
};

const injections = ({ node }: OctezScene): number =>
  node(activationNode).calls.filter((call) => call === "POST /injection/block").length;

describe("protocol.activate, on a scripted peer", () => {
  it("has the wished protocol in force, with the parameters as they were made", async () => {
    const scene = await open({ settings: { bakers: 3 } });
    await scene.act(await scene.look());
    const head = scene.chain.head();
    const made = scene.material.find(({ name }) => name === "parameters")?.public;
    expect(head.shell.level).toBe(1);
    expect({ protocol: head.nextProtocol, parameters: scene.chain.parameters() }).toEqual(made);
    // Not the genesis' own second, but the minute's: whoever does it again makes the same block.
    expect(head.shell.timestamp).toBe("2026-01-01T00:00:31Z");
  });
  it("does nothing where a block is there", async () => {
    const scene = await open();
    const before = await scene.look();
    await scene.act(before);
    expect(await scene.act(before)).toMatchObject({ level: 1, head: scene.chain.head().hash });
    expect(injections(scene)).toBe(1);
  });
  it("finds it done when the answer to the injection was lost", async () => {
    const scene = await open();
    scene.node(activationNode).fault({ path: /^\/injection\/block$/, does: "lost" });
    expect(await scene.act(await scene.look())).toMatchObject({ level: 1 });
    expect(injections(scene)).toBe(1);
  });
  it("makes the same block when it is done by two at once", async () => {
    const scene = await open();
    const before = await scene.look();
    let release = (): void => undefined;
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    scene.node(activationNode).fault({ path: /^\/injection\/block$/, times: 2, does: { held } });
    scene.clock.advance(60_000);
    const first = scene.act(before);
    scene.clock.advance(5_000);
    const both = [first, scene.act(before)];
    while (injections(scene) < 2) await new Promise((resolve) => setImmediate(resolve));
    release();
    const [one, other] = await Promise.all(both);
    expect(one).toEqual(other);
    // Both made the minute's block.
    expect(scene.chain.head().shell.timestamp).toBe("2026-01-01T00:01:00Z");
    expect(scene.chain.blocks).toHaveLength(2);
  });
  it("takes the other's block where that came first", async () => {
    const scene = await open();
    const before = await scene.look();
    let release = (): void => undefined;
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    scene.node(activationNode).fault({ path: /^\/injection\/block$/, does: { held } });
    const late = scene.act(before);
    while (injections(scene) < 1) await new Promise((resolve) => setImmediate(resolve));
    // A minute later it is another block.
    scene.clock.advance(60_000);
    await scene.act(before);
    release();
    expect(await late).toMatchObject({ head: scene.chain.head().hash, level: 1 });
    expect(scene.chain.blocks).toHaveLength(2);
  });
  it("is tried again, and done, after the connection broke", async () => {
    const scene = await open();
    scene.node(activationNode).fault({ path: /preapply/, does: "cut" });
    const before = await scene.look();
    await expect(scene.act(before)).rejects.toThrow();
    expect(await scene.act(before)).toMatchObject({ level: 1 });
  });
  it("repeats what the node says of parameters that don't fit", async () => {
    const scene = await open({ checkParameters: () => "Missing object field delay_increment_per_round" });
    const { code, message, hint } = await refusal(scene.act(await scene.look()));
    expect({ code, message }).toEqual({
      code: "step.refused",
      message:
        "The node did not take the activation: failure: Invalid protocol_parameters: Missing object field delay_increment_per_round",
    });
    expect(hint).toContain("parameters");
    expect(scene.chain.blocks).toHaveLength(1);
  });
  it("says when the node does not know the protocol, and signs nothing", async () => {
    const signed: string[] = [];
    const sign = async (ref: string, data: Uint8Array) => {
      signed.push(ref);
      return octezSigner.sign(ref, data);
    };
    const scene = await open({ protocols: [], signer: { ...octezSigner, sign } });
    const { code, hint } = await refusal(scene.act(await scene.look()));
    expect(code).toBe("step.refused");
    expect(hint).toContain("version of Octez");
    expect(signed).toEqual([]);
  });
  it("says when another protocol is in force, as the step that remains", async () => {
    const scene = await open();
    await scene.act(await scene.look());
    scene.chain.replaceProtocol("PtTALLiNtPec7mE7yY4m3k26J8Qukef3E3ehzhfXgFZKGtDdAXu");
    const { code, message, hint } = await refusal(scene.act(await scene.look()));
    expect(code).toBe("step.refused");
    expect(message).toContain("PtTALLiN");
    expect(hint).toContain("new chain");
  });
  it("does not inject what another key has signed", async () => {
    const sign = (_ref: string, data: Uint8Array) => octezSigner.sign("another", data);
    const scene = await open({ signer: { ...octezSigner, sign } });
    const { code, message } = await refusal(scene.act(await scene.look()));
    expect({ code, message }).toEqual({
      code: "step.refused",
      message: "The activator's key is not the one that the genesis names.",
    });
    expect(injections(scene)).toBe(0);
  });
  it("signs for its own chain only", async () => {
    const [scene, other] = [await open(), await open({ more: { chainId: "chn_01jd0000000000000000000041" } })];
    const foreign = other.node(activationNode);
    const dial = async () => ({ host: foreign.host, port: foreign.port });
    const access = { region: "here", observations: [], signal: new AbortController().signal, now: scene.clock.now() };
    const { code, message } = await refusal(scene.act(await scene.look(), { access: { ...access, dial } }));
    expect(code).toBe("step.refused");
    expect(message).toContain(other.genesis.chainId);
    expect(other.chain.blocks).toHaveLength(1);
  });
});

describe("the scripted peer", () => {
  it("refuses a block that the activator did not sign for this chain", async () => {
    const scene = await open();
    await scene.act(await scene.look());
    const block = scene.node(activationNode);
    expect(block.calls).toContain("POST /chains/main/blocks/genesis/helpers/preapply/block");
    const answer = await fetch(`${block.url}/injection/block`, {
      method: "POST",
      body: JSON.stringify({ data: "00".repeat(200), operations: [] }),
    });
    expect([answer.status, await answer.json()]).toMatchObject([500, [{ id: "failure" }]]);
  });
});
