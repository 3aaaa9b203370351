import type { ChainSpec, ChainView, MaterialItem, NodeAddress, NodeSpec, Random, Step } from "@portolan/domain";
import { createActions } from "../src/besu/actions/index.ts";
import { besu } from "../src/besu/besu.ts";
import { inForceOf } from "../src/besu/facts.ts";
import { makeMaterial } from "../src/besu/material.ts";
import { identityOf } from "../src/besu/node-key.ts";
import { quorumOf } from "../src/besu/quorum.ts";
import { evmChainId, readSettings } from "../src/besu/settings.ts";
import { validatorName, validatorOrdinals } from "../src/besu/topology.ts";
import { createQbftNetwork, type QbftNetwork } from "./qbft-network.ts";

/** Bytes that differ each time, the same in each run. */
const countingRandom = (): Random => {
  let count = 0;
  return { bytes: (size) => Uint8Array.from({ length: size }, (_, index) => (index * 7 + ++count * 13) % 251) };
};

const noSigner = {
  createKey: () => Promise.reject(new Error("nothing is signed here")),
  sign: () => Promise.reject(new Error("nothing is signed here")),
};

export interface Pass {
  steps: readonly Step[];
  /** Key → what the step said when it failed. */
  failures: ReadonlyMap<string, Error>;
}

/**
 * What the worker does with a framework, in a few lines: the coordinator's pass and each region's, over a model of a
 * network. Nothing is kept between passes but what the plane's database has: the wish, the material, the views.
 */
export const createBesuPlane = async (
  first: ChainSpec,
  options: { epochLength?: number; onCall?: (node: string, method: string) => void } = {},
) => {
  const random = countingRandom();
  const network: QbftNetwork = createQbftNetwork({
    chainId: evmChainId(first),
    blockPeriodMs: 2_000,
    ...options,
  });
  const state = { spec: first, material: [] as MaterialItem[], views: new Map<string, ChainView>(), crashed: 0 };
  const actions = createActions({
    nowMs: () => network.state.nowMs,
    wait: async (ms, signal) => {
      signal.throwIfAborted();
      network.advance(ms);
    },
  });
  const merged = (): ChainView | null =>
    state.views.size === 0
      ? null
      : [...state.views.values()].reduce((a, b) => ({
          nodes: { ...a.nodes, ...b.nodes },
          facts: { ...a.facts, ...b.facts },
          at: b.at,
        }));
  const wish = (): ChainSpec => {
    const leaving = besu.leaving?.(state.spec, state.material, merged()) ?? [];
    return leaving.length === 0 ? state.spec : { ...state.spec, leaving };
  };
  const addressesOf = (nodes: readonly NodeSpec[]) => {
    const all: { [region: string]: NodeAddress[] } = {};
    for (const [index, { name, region, ports }] of nodes.entries())
      for (const [at, port] of ports.entries()) {
        const number = 40_000 + index * 10 + at;
        const address = { host: "127.0.0.1", number, bindHost: "127.0.0.1", bindNumber: number };
        all[region] = [...(all[region] ?? []), { node: name, port: port.name, ...address }];
      }
    return all;
  };

  /** What a node is started with; another list of nodes is another node, as in the blueprint. */
  const formOf = (spec: ChainSpec, nodes: readonly NodeSpec[]) => {
    const all = nodes.map(({ name }) => name);
    const isListed = readSettings(spec.settings).permissions?.nodes === true;
    const version = isListed ? `${spec.version} with ${all.join()}` : spec.version;
    return { version, knows: all, allows: isListed ? new Set(all) : null };
  };

  /** What the runtime does: what is wished runs, what is not goes. */
  const apply = async (spec: ChainSpec, nodes: readonly NodeSpec[]): Promise<void> => {
    for (const { name, isUp } of [...network.nodes.values()]) {
      if (nodes.some((node) => node.name === name)) continue;
      if (isUp && network.isInForce(name)) network.state.broken.push(`${name} was stopped while it had a vote`);
      network.remove(name);
    }
    for (const { name } of nodes) {
      if (network.nodes.has(name)) continue;
      const identity = identityOf(state.material, name);
      if (identity === undefined) throw new Error(`${name} has no key`);
      await network.start({ name, ...identity, ...formOf(spec, nodes) });
    }
  };

  const look = async (spec: ChainSpec, nodes: readonly NodeSpec[], signal: AbortSignal): Promise<void> => {
    const addresses = addressesOf(nodes);
    for (const region of new Set(nodes.map((node) => node.region))) {
      const view = await besu.inspect({
        chain: { ...spec, inspection: besu.inspection?.(spec, state.material, addresses) ?? {} },
        nodes: nodes.filter((node) => node.region === region),
        previous: state.views.get(region) ?? null,
        access: accessOf(region, signal),
        signer: noSigner,
      });
      signal.throwIfAborted();
      state.views.set(region, view);
    }
  };

  const accessOf = (region: string, signal: AbortSignal) => ({
    region,
    dial: network.dial,
    observations: network.observe(),
    signal,
    now: new Date(network.state.nowMs),
  });

  const runSteps = async (spec: ChainSpec, nodes: readonly NodeSpec[], signal: AbortSignal): Promise<Pass> => {
    const view = merged();
    const addresses = addressesOf(nodes);
    const steps = view === null ? [] : besu.steps(spec, state.material, view, new Date(network.state.nowMs), addresses);
    const open = new Set(steps.map(({ key }) => key));
    const ready = steps.filter(({ dependsOn }) => dependsOn.every((key) => !open.has(key)));
    const failures = new Map<string, Error>();
    const inspection = besu.inspection?.(spec, state.material, addresses) ?? {};
    const inRegion = async (region: string): Promise<void> => {
      for (const step of ready.filter((each) => each.region === region)) {
        try {
          const access = accessOf(region, signal);
          await actions[step.action]?.({ step, chain: { ...spec, inspection }, access, signer: noSigner, signal });
        } catch (error) {
          failures.set(step.key, error as Error);
          return;
        }
      }
    };
    await Promise.all([...new Set(ready.map(({ region }) => region))].map(inRegion));
    return { steps, failures };
  };

  /** Nodes whose version is not the wished one, changed as the framework lets them be. */
  const roll = async (spec: ChainSpec, nodes: readonly NodeSpec[]): Promise<string[]> => {
    const view = merged();
    const healthy = Object.entries(view?.nodes ?? {}).flatMap(([name, node]) => (node.healthy ? [name] : []));
    const form = formOf(spec, nodes);
    const changed = nodes.flatMap(({ name }) =>
      network.nodes.get(name)?.version === form.version ? [] : [{ node: name, isRendererOnly: false }],
    );
    if (changed.length === 0) return [];
    const turn = besu.rollout({ spec, nodes, changed, fresh: [], healthy, material: state.material, view });
    for (const name of turn) {
      const node = network.nodes.get(name);
      if (node === undefined) continue;
      network.stop(name);
      const count = network.state.validators.length;
      const isQuorum = network.live().length >= quorumOf(count);
      if (count > 1 && !isQuorum && network.isInForce(name))
        network.state.broken.push(`${name}'s change took the quorum`);
      network.advance(4_000);
      await network.start({ ...node, ...form });
    }
    return turn;
  };

  const pass = async (signal: AbortSignal = new AbortController().signal): Promise<Pass & { rolled: string[] }> => {
    const spec = wish();
    const nodes = besu.topology(spec);
    state.material = [...state.material, ...makeMaterial(spec, state.material, { random, now: new Date(0) })];
    await apply(spec, nodes);
    if (network.state.validators.length === 0)
      network.state.validators = validatorOrdinals(state.spec)
        .map((ordinal) => identityOf(state.material, validatorName(ordinal))?.address ?? "")
        .sort();
    const rolled = await roll(spec, nodes);
    const done = await runSteps(spec, nodes, signal);
    network.advance(6_000);
    await look(spec, nodes, signal);
    return { ...done, rolled };
  };

  const isReached = ({ steps }: Pass): boolean => {
    const view = merged();
    const spec = wish();
    const { version: wanted } = formOf(spec, besu.topology(spec));
    const isCurrent = [...network.nodes.values()].every(({ version }) => version === wanted);
    const areWell = besu.topology(spec).every(({ name }) => view?.nodes[name]?.healthy === true);
    return steps.length === 0 && (spec.leaving ?? []).length === 0 && isCurrent && areWell;
  };

  return {
    ...{ network, state, merged, pass, wish },
    change: (settings: object, rest: Partial<ChainSpec> = {}): void => {
      state.spec = {
        ...state.spec,
        ...rest,
        settings: { ...state.spec.settings, ...settings } as ChainSpec["settings"],
      };
    },
    /** Passes until the wish is reached; throws what was last said where it is not. */
    settle: async (most = 60): Promise<Pass[]> => {
      const passes: Pass[] = [];
      for (let count = 0; count < most; count++) {
        const one = await pass();
        passes.push(one);
        if (isReached(one)) return passes;
      }
      const last = passes.at(-1);
      const said = [...(last?.failures.values() ?? [])].map(({ message }) => message);
      throw new Error(`not reached: ${last?.steps.map(({ title }) => title).join(", ")}; ${said.join("; ")}`);
    },
    validators: (): string[] =>
      [...network.nodes.values()].flatMap(({ name }) => (network.isInForce(name) ? [name] : [])).sort(),
    inForce: () => inForceOf(merged()),
  };
};

export type BesuPlane = Awaited<ReturnType<typeof createBesuPlane>>;
