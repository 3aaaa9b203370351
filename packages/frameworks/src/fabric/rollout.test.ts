import type { ChainView, NodeView } from "@portolan/domain";
import { expect, test } from "vitest";
import { catalogueChaincode, fabricSpec } from "../../test/fabric-spec.ts";
import { rollout } from "./rollout.ts";
import { topology } from "./topology.ts";

const spec = fabricSpec(
  { orderers: 3, organisations: [{ name: "org1", peers: 2 }] },
  {
    plan: "standard",
    parts: [catalogueChaincode("basic")],
  },
);
const nodes = topology(spec);
const all = nodes.map(({ name }) => name);
const orderers = ["orderer-0", "orderer-1", "orderer-2"];
const peers = ["peer-org1-0", "peer-org1-1"];

const orderer = (isLeader: boolean): NodeView => ({
  healthy: true,
  detail: { channels: { main: { height: 7, status: "active", relation: "consenter", isLeader } } },
});

const ask = (
  changed: readonly string[],
  rest: { healthy?: readonly string[]; fresh?: readonly string[]; leader?: string; isRendererOnly?: boolean } = {},
): string[] => {
  const view: ChainView = {
    nodes: Object.fromEntries(orderers.map((name) => [name, orderer(name === rest.leader)])),
    facts: {},
    at: "2026-01-01T00:00:00Z",
  };
  return rollout({
    spec,
    nodes,
    changed: changed.map((node) => ({ node, isRendererOnly: rest.isRendererOnly ?? false })),
    fresh: rest.fresh ?? [],
    healthy: rest.healthy ?? all,
    material: [],
    view,
  });
};
const without = (...gone: string[]): string[] => all.filter((name) => !gone.includes(name));

test("all of a new network at once", () => {
  expect(ask([], { fresh: all, healthy: [] })).toEqual(all);
});

test("one orderer at a time, the leader last", () => {
  expect(ask(orderers, { leader: "orderer-0" })).toEqual(["orderer-1"]);
  expect(ask(["orderer-0", "orderer-2"], { leader: "orderer-0" })).toEqual(["orderer-2"]);
  expect(ask(["orderer-0"], { leader: "orderer-0" })).toEqual(["orderer-0"]);
});

test("none that is well while another orderer is not", () => {
  expect(ask(["orderer-0", "orderer-2"], { healthy: without("orderer-1") })).toEqual([]);
});

test("one that is not well gets its change, whatever else is down", () => {
  expect(ask(["orderer-0", "orderer-1"], { healthy: without("orderer-1", "orderer-2") })).toEqual(["orderer-1"]);
  expect(ask(peers, { healthy: without(...peers) })).toEqual(peers);
});

test("orderers that are not well go one at a time while a majority is, else at once", () => {
  const five = fabricSpec({ orderers: 5 }, { plan: "premium" });
  const names = ["orderer-0", "orderer-1", "orderer-2"];
  const of = (healthy: readonly string[]) =>
    rollout({
      spec: five,
      nodes: topology(five),
      changed: names.map((node) => ({ node, isRendererOnly: false })),
      fresh: [],
      healthy,
      material: [],
      view: { nodes: {}, facts: {}, at: "2026-01-01T00:00:00Z" },
    });
  expect(of(["orderer-2", "orderer-3", "orderer-4"])).toEqual(["orderer-0"]);
  expect(of(["orderer-3", "orderer-4"])).toEqual(names);
});

test("nothing that runs is touched before the network has been seen", () => {
  const changed = orderers.map((node) => ({ node, isRendererOnly: false }));
  const input = { spec, nodes, changed, fresh: ["peer-org1-1"], healthy: [], material: [], view: null };
  expect(rollout(input)).toEqual(["peer-org1-1"]);
});

test("a network that is wholly down is changed at once", () => {
  expect(ask(all, { healthy: [] }).toSorted()).toEqual(all.toSorted());
});

test("orderers before peers before chaincode", () => {
  expect(ask(all)).toEqual(["orderer-0"]);
  expect(ask([...peers, "chaincode-basic-0"])).toEqual(["peer-org1-0"]);
  expect(ask(["chaincode-basic-0"])).toEqual(["chaincode-basic-0"]);
});

test("a peer waits for orderers and peers; nobody waits for chaincode", () => {
  expect(ask(peers, { healthy: without("orderer-2") })).toEqual([]);
  expect(ask(["peer-org1-0"], { healthy: without("peer-org1-1") })).toEqual([]);
  expect(ask(peers, { healthy: without("chaincode-basic-0") })).toEqual(["peer-org1-0"]);
  expect(ask(orderers, { healthy: without("chaincode-basic-0", "peer-org1-0") })).toEqual(["orderer-0"]);
});

test("a release of Portolan restarts nothing that is well", () => {
  expect(ask(all, { isRendererOnly: true })).toEqual([]);
  expect(ask(all, { isRendererOnly: true, healthy: without("peer-org1-1") })).toEqual(["peer-org1-1"]);
});
