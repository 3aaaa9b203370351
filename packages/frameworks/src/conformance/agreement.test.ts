import type { Blueprint, BlueprintNode, NetworkRule } from "@portolan/domain";
import { describe, expect, test } from "vitest";
import { octezSigner, octezSpec } from "../../test/octez-spec.ts";
import { octez } from "../octez/octez.ts";
import { checkAgreement, type Rendered } from "./agreement.ts";
import { compute } from "./compute.ts";

/** A chain whose RPC node stands in another region than its second baker. */
const rendered = async (): Promise<Rendered> => {
  const spec = octezSpec({ bakers: 2 }, { regions: ["here", "there"] });
  const { render, ...rest } = await compute(octez, { name: "two regions", spec }, octezSigner);
  return { ...rest, blueprints: render() };
};

const here = (scene: Rendered, change: (blueprint: Blueprint) => Partial<Blueprint>): Rendered => {
  const blueprint = scene.blueprints["here"];
  if (blueprint === undefined) throw new Error("there is nothing here");
  return { ...scene, blueprints: { ...scene.blueprints, here: { ...blueprint, ...change(blueprint) } } };
};
const withRule = (rule: NetworkRule) => (blueprint: Blueprint) => ({ network: [...blueprint.network, rule] });
const without = (is: (rule: NetworkRule) => boolean) => (blueprint: Blueprint) => ({
  network: blueprint.network.filter((rule) => !is(rule)),
});
const withNode = (name: string, change: (node: BlueprintNode) => Partial<BlueprintNode>) => (blueprint: Blueprint) => ({
  nodes: blueprint.nodes.map((node) => (node.name === name ? { ...node, ...change(node) } : node)),
});
const told = (words: string) =>
  withNode("baker-0", (node) => ({ processes: node.processes.map((one) => ({ ...one, args: [...one.args, words] })) }));

describe("addresses, rules and probes", () => {
  test("of a chain as it is rendered agree", async () => {
    const scene = await rendered();
    expect(() => checkAgreement(octez, scene)).not.toThrow();
  });

  test.each([
    ["leads to no port", withRule({ from: "worker", to: { node: "baker-0", port: "none" } })],
    ["leads to no port", withRule({ from: "worker", to: { node: "baker-1", port: "rpc" } })],
    [
      "comes from no node",
      withRule({ from: { node: "rpc-0", region: "there" }, to: { node: "baker-0", port: "p2p" } }),
    ],
    [
      "from a node to itself",
      withRule({ from: { node: "rpc-0", region: "here" }, to: { node: "rpc-0", port: "p2p" } }),
    ],
    ["stands there twice", withRule({ from: "gateway", to: { node: "rpc-0", port: "rpc" } })],
    ["that is not its", withRule({ from: "gateway", to: { node: "baker-0", port: "rpc" } })],
    ["that is not public", withRule({ from: "world", to: { node: "rpc-0", port: "rpc" } })],
    ["served and opened are not the same", without(({ from }) => from === "gateway")],
    ["which can't reach it", without(({ from, to }) => from === "worker" && to.node === "baker-0")],
    [
      "baker-1 dials baker-0/p2p and may not",
      without(({ from, to }) => typeof from === "object" && from.node === "baker-1" && to.node === "baker-0"),
    ],
    [
      "probed at no port",
      withNode("rpc-0", (node) => ({
        processes: node.processes.map((one) => ({ ...one, probe: { ...probe, port: "none" } })),
      })),
    ],
    ["is not told to listen", withNode("rpc-0", () => ({ files: [] }))],
    [
      "that is not there",
      (blueprint: Blueprint) => ({ spread: [...blueprint.spread, { group: "bakers", nodes: ["baker-0", "baker-7"] }] }),
    ],
  ])("that don't are found: %s", async (message, change) => {
    const scene = await rendered();
    expect(() => checkAgreement(octez, here(scene, change))).toThrow(message);
  });

  test("an address that may not be dialled, or is not the one to dial, is found wherever it stands", async () => {
    const scene = await rendered();
    const rpc = Object.values(scene.addresses)
      .flat()
      .find(({ node, port }) => node === "rpc-0" && port === "rpc");
    expect(() => checkAgreement(octez, here(scene, told(`http://x:${rpc?.number}`)))).toThrow(
      "baker-0 dials rpc-0/rpc and may not",
    );
    expect(() => checkAgreement(octez, here(scene, told(`http://x:${rpc?.bindNumber}`)))).toThrow(
      "where rpc-0 listens",
    );
    // Not where it is a part of another number.
    expect(() => checkAgreement(octez, here(scene, told(`1${rpc?.number}`)))).not.toThrow();
  });
});

const probe = { kind: "tcp", periodMs: 1_000, timeoutMs: 1_000, startupMs: 1_000 } as const;
