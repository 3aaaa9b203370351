import type { ChainSpec, ChainView, JsonObject, MaterialItem, Signer, Step } from "@portolan/domain";
import { type SeededClock, seededClock, seededRandom } from "@portolan/testing";
import {
  createTezosChain,
  openTezosNode,
  type TezosChain,
  type TezosGenesis,
  type TezosNode,
  type TezosParameters,
} from "@portolan/testing/scripted-tezos";
import type { ActionContext, InspectInput, NetworkAccess } from "../src/framework.ts";
import { actions } from "../src/octez/actions/index.ts";
import { inspect } from "../src/octez/inspect.ts";
import { inspection } from "../src/octez/inspection.ts";
import { makeMaterial } from "../src/octez/material.ts";
import { findItem, materialNames } from "../src/octez/names.ts";
import { knownProtocols } from "../src/octez/protocols/known-protocols.ts";
import { steps } from "../src/octez/steps.ts";
import { topology } from "../src/octez/topology.ts";
import { octezSigner, octezSpec } from "./octez-spec.ts";

export interface OctezScene {
  spec: ChainSpec;
  material: readonly MaterialItem[];
  genesis: TezosGenesis;
  clock: SeededClock;
  /** What all nodes have in common. */
  chain: TezosChain;
  /** One scripted peer a node, by name. */
  nodes: ReadonlyMap<string, TezosNode>;
  node(name: string): TezosNode;
  look(previous?: ChainView | null, more?: Partial<InspectInput["chain"]>): Promise<ChainView>;
  steps(view: ChainView): Step[];
  /** Runs the first of the steps that remain. */
  act(view: ChainView, more?: Partial<ActionContext>): Promise<unknown>;
  close(): Promise<void>;
}

export interface SceneOptions {
  settings?: JsonObject;
  more?: Partial<ChainSpec>;
  signer?: Signer;
  /** Protocols that the nodes have in them; by default all that Portolan knows. */
  protocols?: readonly string[];
  checkParameters?(parameters: TezosParameters): string | null;
}

/** A chain with everything that Portolan makes for it, on peers that play its nodes. No Octez runs. */
export const openOctezScene = async (options: SceneOptions = {}): Promise<OctezScene> => {
  const { settings = {}, more = {}, signer = octezSigner, checkParameters } = options;
  const spec = octezSpec(settings, more);
  const clock = seededClock("2026-01-01T00:00:30.000Z");
  const made = await makeMaterial(spec, [], { signer, random: seededRandom("octez"), now: clock.now() });
  const material = made.map(({ secret: _secret, ...item }): MaterialItem => item);
  const genesis = findItem(material, materialNames.genesis)?.public as unknown as TezosGenesis;
  const chain = createTezosChain({
    genesis,
    protocols: options.protocols ?? knownProtocols.map(({ hash }) => hash),
    now: () => clock.now(),
    ...(checkParameters === undefined ? {} : { checkParameters }),
  });
  const all = topology(spec);
  const nodes = new Map<string, TezosNode>();
  for (const { name } of all) nodes.set(name, await openTezosNode(chain, { peers: all.length - 1 }));
  const node = (name: string): TezosNode => {
    const found = nodes.get(name);
    if (found === undefined) throw new Error(`there is no node ${name}`);
    return found;
  };
  const accessNow = (): NetworkAccess => ({
    region: spec.regions[0] ?? "",
    dial: async (name) => ({ host: node(name).host, port: node(name).port }),
    observations: all.map(({ name }) => ({ node: name, state: "running", incarnation: 1 })),
    signal: new AbortController().signal,
    now: clock.now(),
  });
  const { chainId, framework, version } = spec;
  const ordered = { chainId, framework, version, settings: spec.settings, inspection: inspection(spec, material) };
  return {
    ...{ spec, material, genesis, clock, chain, nodes, node },
    look: (previous = null, changed = {}) =>
      inspect({ chain: { ...ordered, ...changed }, nodes: all, previous, access: accessNow(), signer }),
    steps: (view) => steps(spec, material, view),
    act: async (view, changed = {}) => {
      const [step] = steps(spec, material, view);
      const action = step === undefined ? undefined : actions[step.action];
      if (step === undefined || action === undefined) throw new Error("nothing remains to be done");
      const access = accessNow();
      return action({ step, chain: ordered, access, signer, signal: access.signal, ...changed });
    },
    close: async () => {
      await Promise.all([...nodes.values()].map((each) => each.close()));
    },
  };
};
