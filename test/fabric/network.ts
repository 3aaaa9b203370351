import { createSign, generateKeyPairSync, type KeyObject, randomBytes } from "node:crypto";
import { chmod, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import {
  type AddressesByRegion,
  type ChainSpec,
  type ChainView,
  createIdSource,
  type JsonObject,
  type MaterialItem,
  type MaterialRef,
  type PartSpec,
  type Signer,
  type Step,
  systemClock,
  toNodeHash,
} from "@portolan/domain";
import { type Framework, findFramework, loadAsset, type NetworkAccess } from "@portolan/frameworks";
import { silentLogger } from "@portolan/kit";
import { createProcessRuntime, createProgramFinder, type Runtime, type SecretSource } from "@portolan/runtimes";

const region = "local";

const framework = (): Framework => {
  const found = findFramework("fabric");
  if (found === undefined) throw new Error("there is no framework fabric");
  return found;
};

/** Keys of authorities in memory, in the place of custody; counts what it signs. */
const createMemorySigner = () => {
  const keys = new Map<string, { privateKey: KeyObject; publicKey: string }>();
  let signatures = 0;
  const signer: Signer = {
    createKey: async (ref, algorithm) => {
      let key = keys.get(ref);
      if (key === undefined) {
        const pair = generateKeyPairSync("ec", { namedCurve: "P-256" });
        key = {
          privateKey: pair.privateKey,
          publicKey: pair.publicKey.export({ type: "spki", format: "pem" }).toString(),
        };
        keys.set(ref, key);
      }
      return { ref, algorithm, publicKey: key.publicKey };
    },
    sign: async (ref, data) => {
      const key = keys.get(ref);
      if (key === undefined) throw new Error(`no key ${ref}`);
      signatures += 1;
      return createSign("sha256").update(data).sign(key.privateKey);
    },
  };
  return {
    signer,
    count: (): number => signatures,
    privateKey: (ref: string): KeyObject => {
      const key = keys.get(ref);
      if (key === undefined) throw new Error(`no key ${ref}`);
      return key.privateKey;
    },
  };
};

export const part = (kind: string, name: string, settings: object): PartSpec => {
  const id = `${kind.slice(0, 3)}_01jd0000000000000000${Buffer.from(name).toString("hex").padEnd(6, "0").slice(0, 6)}`;
  const found = framework().parts.find((item) => item.kind === kind);
  if (found === undefined) throw new Error(`no kind ${kind}`);
  return { id, kind, name, settings: JSON.parse(JSON.stringify(found.settings.parse(settings))), generation: 1 };
};

export const fabricSpec = (settings: object, parts: readonly PartSpec[], plan = "premium"): ChainSpec => ({
  chainId: `chn_${randomBytes(13).toString("hex")}`,
  tenantId: "ten_01jd00000000000000000000aa",
  name: "consortium",
  framework: "fabric",
  version: "3.1.5",
  plan,
  settings: JSON.parse(JSON.stringify(framework().settings.parse(settings))),
  regions: [region],
  parts,
  generation: 1,
  serial: 7,
});

export interface Turn {
  atMs: number;
  tookMs: number;
  what: string;
}

/**
 * A coordinator and a worker in memory, around the real framework and the real process runtime: the same passes
 * (material, blueprint, steps; apply, inspect, actions, inspect) without database, leases or queues.
 */
export const openNetwork = async (first: ChainSpec, ports: number) => {
  const { signer, count, privateKey } = createMemorySigner();
  const home = await mkdtemp(join(tmpdir(), "portolan-fabric-net-"));
  await chmod(home, 0o755);
  const own = process.env["PORTOLAN_PROGRAMS"];
  const runtime: Runtime = createProcessRuntime({
    home,
    clock: systemClock,
    log: silentLogger,
    programs: createProgramFinder({ searchPath: "", ...(own ? { programsDir: own } : {}) }),
    portRange: { first: ports, last: ports + 299 },
  });
  const fabric = framework();
  const random = { bytes: (size: number) => new Uint8Array(randomBytes(size)) };
  const placementId = createIdSource({ clock: systemClock, random }).next("placement");
  const placement = { placementId, chainId: first.chainId, tenantId: first.tenantId, region };
  const operator = { forks: [] };
  const secrets = new Map<string, Uint8Array>();
  const turns: Turn[] = [];
  const began = performance.now();
  let material: MaterialItem[] = [];
  let addresses: AddressesByRegion = {};
  let view: ChainView | null = null;
  let spec = first;
  let fence = 1n;

  const timed = async <Answer>(what: string, work: () => Promise<Answer>): Promise<Answer> => {
    const start = performance.now();
    try {
      return await work();
    } finally {
      turns.push({ atMs: Math.round(start - began), tookMs: Math.round(performance.now() - start), what });
    }
  };

  const find = (ref: MaterialRef): MaterialItem => {
    const found = material.find(({ name, version }) => name === ref.material && version === ref.version);
    if (found === undefined) throw new Error(`no material ${ref.material}@${ref.version}`);
    return found;
  };
  const source: SecretSource = {
    secret: (ref) => secrets.get(`${ref.material}@${ref.version}`) ?? new Uint8Array(),
    public: (ref) => find(ref).public as JsonObject,
    asset: (path) => loadAsset("fabric", path),
  };

  const makeMaterial = async (now: Date, mayRenew: boolean): Promise<void> => {
    const existing = mayRenew ? material : material.map(({ renewAt: _renewAt, ...item }) => item);
    const made = await fabric.material(spec, existing, { addresses, signer, random, now, operator });
    const fresh = made.map(({ secret, ...item }) => {
      if (secret !== undefined) secrets.set(`${item.name}@${item.version}`, secret);
      return item;
    });
    const names = new Set(fresh.map(({ name }) => name));
    material = [...material.filter(({ name }) => !names.has(name)), ...fresh];
  };

  const inspect = async (signal: AbortSignal): Promise<ChainView> => {
    const { access, chain } = await toAccess(signal);
    return fabric.inspect({ chain, nodes: fabric.topology(spec), previous: view, access, signer });
  };

  const toAccess = async (signal: AbortSignal) => {
    const access: NetworkAccess = {
      region,
      dial: (node, port) => runtime.dial(placement, node, port),
      observations: (await runtime.observe(placement)).nodes,
      signal,
      now: systemClock.now(),
    };
    const { chainId, version, settings, serial } = spec;
    const inspection = fabric.inspection?.(spec, material, addresses);
    const chain = { chainId, framework: "fabric", version, settings, serial };
    return { access, chain: inspection === undefined ? chain : { ...chain, inspection } };
  };

  const runStep = async (step: Step, signal: AbortSignal): Promise<void> => {
    const { access, chain } = await toAccess(signal);
    const action = fabric.actions[step.action];
    if (action === undefined) throw new Error(`no action ${step.action}`);
    const limit = AbortSignal.any([signal, AbortSignal.timeout(step.timeoutMs)]);
    await timed(step.title, () => action({ step, chain, access, signer, signal: limit }));
  };

  const toBlueprint = () => {
    const regions = { [region]: { placementId, capabilities: runtime.capabilities } };
    const found = fabric.blueprint(spec, material, { regions, addresses, operator })[region];
    if (found === undefined) throw new Error("no blueprint");
    return found;
  };

  /** Nodes that the framework lets be changed now, as the worker's coordinator asks it. */
  const toOnly = async (): Promise<string[] | undefined> => {
    const blueprint = toBlueprint();
    const { nodes } = await runtime.observe(placement);
    const applied = new Map(nodes.map((node) => [node.node, node.appliedHash]));
    const changed = blueprint.nodes.filter(
      (node) => applied.get(node.name) !== undefined && applied.get(node.name) !== toNodeHash(node),
    );
    if (changed.length === 0) return undefined;
    const allowed = new Set(
      fabric.rollout({
        spec,
        nodes: fabric.topology(spec),
        changed: changed.map(({ name }) => ({ node: name, isRendererOnly: false })),
        fresh: blueprint.nodes.filter(({ name }) => applied.get(name) === undefined).map(({ name }) => name),
        healthy: Object.entries(view?.nodes ?? {}).flatMap(([name, node]) => (node.healthy ? [name] : [])),
        material,
        view,
      }),
    );
    const held = new Set(changed.filter(({ name }) => !allowed.has(name)).map(({ name }) => name));
    return blueprint.nodes.map(({ name }) => name).filter((name) => !held.has(name));
  };

  const isApplied = async (): Promise<boolean> => {
    const { nodes } = await runtime.observe(placement);
    const wanted = toBlueprint().nodes;
    return (
      nodes.filter(({ state }) => state !== "absent").length === wanted.length &&
      wanted.every((node) =>
        nodes.some(
          (seen) => seen.node === node.name && seen.state === "running" && seen.appliedHash === toNodeHash(node),
        ),
      )
    );
  };

  const isWell = (): boolean => fabric.topology(spec).every(({ name }) => view?.nodes[name]?.healthy === true);

  /** Passes until nothing is left to do. The last failure of a step is thrown when the time is over. */
  const converge = async (timeoutMs = 90_000, now = systemClock.now(), mayRenew = false): Promise<void> => {
    const endsAt = performance.now() + timeoutMs;
    const signal = AbortSignal.timeout(timeoutMs);
    addresses = { [region]: await runtime.reserve(placement, fabric.topology(spec), fence) };
    await timed("material", () => makeMaterial(now, mayRenew));
    let last: unknown;
    for (;;) {
      if (!(await isApplied())) await runtime.apply(placement, toBlueprint(), source, fence, await toOnly());
      view = await inspect(signal);
      const steps = fabric.steps(spec, material, view, now, addresses);
      if (steps.length === 0 && isWell() && (await isApplied())) return;
      if (performance.now() > endsAt)
        throw (
          last ??
          new Error(`not converged: ${JSON.stringify({ nodes: view.nodes, steps: steps.map(({ title }) => title) })}`)
        );
      // The worker settles before its first steps, too: nodes that wait for others are started by a later `apply`.
      if (steps.length === 0 || !(await isApplied())) {
        await sleep(10);
        continue;
      }
      try {
        for (const step of steps) await runStep(step, signal);
      } catch (error) {
        if (!signal.aborted) last = error;
        if (performance.now() > endsAt) throw last;
        await sleep(200);
      }
    }
  };

  return {
    framework: fabric,
    runtime,
    placement,
    signer,
    signatures: count,
    turns,
    privateKey,
    view: () => view,
    spec: () => spec,
    material: () => material,
    addresses: () => addresses[region] ?? [],
    steps: () => (view === null ? [] : fabric.steps(spec, material, view, systemClock.now(), addresses)),
    look: async (): Promise<ChainView> => {
      view = await inspect(AbortSignal.timeout(20_000));
      return view;
    },
    wish: (next: Partial<ChainSpec>): void => {
      spec = { ...spec, ...next, generation: spec.generation + 1 };
    },
    converge,
    /** Does all steps of a new network once more, as after a view that was lost. */
    repeat: async (): Promise<void> => {
      const signal = AbortSignal.timeout(60_000);
      const empty: ChainView = { nodes: {}, facts: {}, at: systemClock.now().toISOString() };
      for (const step of fabric.steps(spec, material, empty, systemClock.now(), addresses)) await runStep(step, signal);
    },
    /** Makes every certificate of a node due, as time would. */
    makeDue: (): void => {
      const renewAt = new Date(Date.now() - 1_000).toISOString();
      material = material.map((item) => (item.renewAt === undefined ? item : { ...item, renewAt }));
    },
    elapsedMs: (): number => Math.round(performance.now() - began),
    logs: async (node: string): Promise<string[]> => {
      const lines: string[] = [];
      for await (const { line } of runtime.logs(placement, node, {})) lines.push(line);
      return lines;
    },
    close: async (): Promise<void> => {
      fence += 1n;
      await runtime.destroy(placement, { volumes: true, fence });
      await rm(home, { recursive: true, force: true });
    },
  };
};

export type Network = Awaited<ReturnType<typeof openNetwork>>;
