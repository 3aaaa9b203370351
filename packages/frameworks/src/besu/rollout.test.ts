import type { ChainView, NodeView } from "@portolan/domain";
import { expect, test } from "vitest";
import { besuSpec } from "../../test/besu-spec.ts";
import { factsName, noFacts, toJson } from "./facts.ts";
import { makeMaterial } from "./material.ts";
import { identityOf } from "./node-key.ts";
import { rollout } from "./rollout.ts";
import { topology } from "./topology.ts";

let count = 0;
const random = { bytes: (size: number) => Uint8Array.from({ length: size }, (_, at) => (at * 7 + ++count) % 251) };

interface Case {
  validators?: number;
  /** In force; all of them unless told. */
  inForce?: number;
  down?: string[];
  unsettled?: string[];
  /** Of those that are down: they run, and were not heard. */
  silent?: string[];
  changed?: string[];
  rendererOnly?: boolean;
  fresh?: string[];
  unseen?: boolean;
}

const roll = (given: Case): string[] => {
  const spec = besuSpec({ validators: given.validators ?? 4 });
  const nodes = topology(spec);
  const material = makeMaterial(spec, [], { random, now: new Date(0) });
  const names = nodes.map(({ name }) => name);
  const voters = names.slice(0, given.inForce ?? given.validators ?? 4);
  const since = Object.fromEntries(voters.map((name) => [identityOf(material, name)?.address ?? "", 0]));
  const toView = (name: string): NodeView => ({
    healthy: given.down?.includes(name) !== true,
    detail: {
      isSynced: true,
      isSettled: given.unsettled?.includes(name) !== true,
      ...(given.silent?.includes(name) ? { isSilent: true } : {}),
    },
  });
  const view: ChainView = {
    nodes: Object.fromEntries(names.map((name) => [name, toView(name)])),
    facts: { [factsName("local")]: toJson({ ...noFacts, since }) },
    at: "2026-01-01T00:00:00Z",
  };
  return rollout({
    ...{ spec, nodes, material },
    changed: (given.changed ?? names).map((node) => ({ node, isRendererOnly: given.rendererOnly === true })),
    fresh: given.fresh ?? [],
    healthy: names.filter((name) => given.down?.includes(name) !== true),
    view: given.unseen ? null : view,
  });
};
const validators = ["validator-0", "validator-1", "validator-2", "validator-3"];

test("RPC nodes go first, one at a time, and the next only once the one before is well", () => {
  expect(roll({})).toEqual(["rpc-0"]);
  expect(roll({ changed: ["rpc-1", ...validators] })).toEqual(["rpc-1"]);
  expect(roll({ changed: ["rpc-1", ...validators], down: ["rpc-0"] })).toEqual([]);
});

test("a release that an RPC node does not survive never reaches a validator", () => {
  expect(roll({ changed: validators, down: ["rpc-1"] })).toEqual([]);
  expect(roll({ changed: validators })).toEqual(["validator-0"]);
});

test("the next validator waits until the one before has proposed a block again", () => {
  const changed = validators.slice(1);
  expect(roll({ changed, unsettled: ["validator-0"] })).toEqual([]);
  expect(roll({ changed })).toEqual(["validator-1"]);
});

test("no validator that is well stops while another one is down, unless two thirds are left of more", () => {
  expect(roll({ changed: validators.slice(1), down: ["validator-0"] })).toEqual([]);
  const seven = Array.from({ length: 7 }, (_, ordinal) => `validator-${ordinal}`);
  expect(roll({ validators: 7, changed: seven.slice(1), down: ["validator-0"] })).toEqual(["validator-1"]);
  expect(roll({ validators: 7, changed: seven.slice(2), down: seven.slice(0, 2) })).toEqual([]);
});

test("those that are down are changed one at a time while blocks come, all of them when none do", () => {
  expect(roll({ changed: validators, down: ["validator-2"] })).toEqual(["validator-2"]);
  expect(roll({ changed: validators, down: ["validator-2", "validator-3"] })).toEqual(["validator-2", "validator-3"]);
});

test("where too few were heard, those that run are left alone: it may be the look that failed", () => {
  expect(roll({ changed: validators, down: validators, silent: validators })).toEqual([]);
  const two = ["validator-2", "validator-3"];
  expect(roll({ changed: validators, down: two, silent: two })).toEqual([]);
  expect(roll({ changed: validators, down: two, silent: ["validator-3"] })).toEqual(["validator-2"]);
  // The others seal blocks without it.
  expect(roll({ changed: validators, down: ["validator-3"], silent: ["validator-3"] })).toEqual(["validator-3"]);
});

test("who has no vote yet is changed at once, and one that stands alone too", () => {
  expect(roll({ validators: 5, inForce: 4, changed: ["validator-4", ...validators] })).toEqual([
    "validator-4",
    "validator-0",
  ]);
  expect(roll({ validators: 1, changed: ["validator-0"] })).toEqual(["validator-0"]);
});

test("what only a release of Portolan writes differently restarts nothing that is well; unseen, nothing is touched", () => {
  expect(roll({ rendererOnly: true })).toEqual([]);
  expect(roll({ rendererOnly: true, down: ["validator-1"] })).toEqual(["validator-1"]);
  expect(roll({ unseen: true, fresh: ["validator-3"] })).toEqual(["validator-3"]);
});
