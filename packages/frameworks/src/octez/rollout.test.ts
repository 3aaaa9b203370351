import type { ChainView } from "@portolan/domain";
import { describe, expect, it } from "vitest";
import { octezSpec } from "../../test/octez-spec.ts";
import { rollout } from "./rollout.ts";
import { topology } from "./topology.ts";

const spec = octezSpec({ bakers: 3, rpcNodes: 2 });
const nodes = topology(spec);
const names = nodes.map(({ name }) => name);
const view: ChainView = { nodes: {}, facts: {}, at: "2026-01-01T00:00:00Z" };

const next = (input: {
  changed: readonly string[];
  unwell?: readonly string[];
  fresh?: readonly string[];
  isRendererOnly?: boolean;
  view?: ChainView | null;
}) =>
  rollout({
    spec,
    nodes,
    changed: input.changed.map((node) => ({ node, isRendererOnly: input.isRendererOnly ?? false })),
    fresh: input.fresh ?? [],
    healthy: names.filter((name) => input.unwell?.includes(name) !== true),
    material: [],
    view: input.view === undefined ? view : input.view,
  });

describe("rollout", () => {
  it("changes one baker at a time, then one RPC node at a time", () => {
    expect(next({ changed: names })).toEqual(["baker-0"]);
    expect(next({ changed: names.slice(1) })).toEqual(["baker-1"]);
    expect(next({ changed: ["rpc-0", "rpc-1"] })).toEqual(["rpc-0"]);
  });
  it("changes no second baker while one is away, and no RPC node either", () => {
    expect(next({ changed: ["baker-1", "baker-2", "rpc-0"], unwell: ["baker-0"] })).toEqual([]);
  });
  it("changes no second RPC node while one is away", () => {
    expect(next({ changed: ["rpc-1"], unwell: ["rpc-0"] })).toEqual([]);
  });
  it("begins with what is not well: bakers one by one while most bake", () => {
    expect(next({ changed: names, unwell: ["baker-1", "rpc-1"] })).toEqual(["baker-1", "rpc-1"]);
    expect(next({ changed: names, unwell: ["baker-0", "baker-1"] })).toEqual(["baker-0", "baker-1"]);
  });
  it("brings new nodes at once", () => {
    expect(next({ changed: ["baker-0"], fresh: ["rpc-1"] })).toEqual(["rpc-1", "baker-0"]);
  });
  it("restarts nothing that is well for a new release's sake", () => {
    expect(next({ changed: names, isRendererOnly: true })).toEqual([]);
    expect(next({ changed: names, isRendererOnly: true, unwell: ["rpc-0"] })).toEqual(["rpc-0"]);
  });
  it("leaves alone what was never looked at", () => {
    expect(next({ changed: names, fresh: ["rpc-1"], view: null })).toEqual(["rpc-1"]);
  });
});
