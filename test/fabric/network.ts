import { createSign, generateKeyPairSync, type KeyObject, randomBytes } from "node:crypto";
import { chmod, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import {
  type AddressesByRegion,
  type Blueprint,
  type BlueprintNode,
  type ChainSpec,
  type ChainView,
  createIdSource,
  type DomainError,
  type JsonObject,
  type MaterialItem,
  type MaterialRef,
  type NodeObservation,
  type PartSpec,
  type Signer,
  type Step,
  systemClock,
  toNodeHash,
} from "@portolan/domain";
import {
  type Framework,
  findFramework,
  loadAsset,
  type NetworkAccess,
  type OperatorConfig,
} from "@portolan/frameworks";
import { silentLogger } from "@portolan/kit";
import { createProcessRuntime, createProgramFinder, type Runtime, type SecretSource } from "@portolan/runtimes";
import { claimPortRange } from "@portolan/testing";

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

export const fabricSpec = (
  settings: object,
  parts: readonly PartSpec[],
  { plan = "premium", regions = ["local"] }: { plan?: string; regions?: readonly string[] } = {},
): ChainSpec => ({
  chainId: `chn_${randomBytes(13).toString("hex")}`,
  tenantId: "ten_01jd00000000000000000000aa",
  name: "consortium",
  framework: "fabric",
  version: "3.1.5",
  plan,
  settings: JSON.parse(JSON.stringify(framework().settings.parse(settings))),
  regions,
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
export const openNetwork = async (first: ChainSpec, operator: OperatorConfig = { forks: [] }) => {
  const { signer, count, privateKey } = createMemorySigner();
  const home = await mkdtemp(join(tmpdir(), "portolan-fabric-net-"));
  await chmod(home, 0o755);
  const own = process.env["PORTOLAN_PROGRAMS"];
  const runtime: Runtime = createProcessRuntime({
    home,
    clock: systemClock,
    log: silentLogger,
    programs: createProgramFinder({ searchPath: "", ...(own ? { programsDir: own } : {}) }),
    portRange: await claimPortRange(),
  });
  const fabric = framework();
  const random = { bytes: (size: number) => new Uint8Array(randomBytes(size)) };
  const ids = createIdSource({ clock: systemClock, random });
  const placements = first.regions.map((region) => ({
    placementId: ids.next("placement"),
    chainId: first.chainId,
    tenantId: first.tenantId,
    region,
  }));
  type Placement = (typeof placements)[number];
  const secrets = new Map<string, Uint8Array>();
  const turns: Turn[] = [];
  const began = performance.now();
  let material: MaterialItem[] = [];
  let addresses: AddressesByRegion = {};
  let view: ChainView | null = null;
  const views = new Map<string, ChainView>();
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

  /** Each region looks at its own nodes, as its worker would; the views are laid over each other. */
  const inspect = async (signal: AbortSignal): Promise<ChainView> => {
    for (const placement of placements) {
      const { region } = placement;
      const { access, chain } = await toAccess(placement, signal);
      const nodes = fabric.topology(spec).filter((node) => node.region === region);
      views.set(region, await fabric.inspect({ chain, nodes, previous: views.get(region) ?? null, access, signer }));
    }
    const all = [...views.values()];
    return {
      nodes: Object.assign({}, ...all.map(({ nodes }) => nodes)),
      facts: Object.assign({}, ...all.map(({ facts }) => facts)),
      at: systemClock.now().toISOString(),
    };
  };

  const toAccess = async (placement: Placement, signal: AbortSignal) => {
    const access: NetworkAccess = {
      region: placement.region,
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

  const placementIn = (region: string): Placement => {
    const found = placements.find((placement) => placement.region === region);
    if (found === undefined) throw new Error(`no placement in ${region}`);
    return found;
  };

  const placementOf = (node: string): Placement =>
    placementIn(fabric.topology(spec).find(({ name }) => name === node)?.region ?? "");

  const runStep = async (step: Step, signal: AbortSignal): Promise<void> => {
    const { access, chain } = await toAccess(placementIn(step.region), signal);
    const action = fabric.actions[step.action];
    if (action === undefined) throw new Error(`no action ${step.action}`);
    const limit = AbortSignal.any([signal, AbortSignal.timeout(step.timeoutMs)]);
    await timed(step.title, () => action({ step, chain, access, signer, signal: limit }));
  };

  const toBlueprints = (): readonly { placement: Placement; blueprint: Blueprint }[] => {
    const { capabilities } = runtime;
    const regions = Object.fromEntries(
      placements.map(({ region, placementId }) => [region, { placementId, capabilities }]),
    );
    const made = fabric.blueprint(spec, material, { regions, addresses, operator });
    return placements.flatMap((placement) => {
      const blueprint = made[placement.region];
      return blueprint === undefined ? [] : [{ placement, blueprint }];
    });
  };

  const observe = async (): Promise<NodeObservation[]> =>
    (await Promise.all(placements.map((placement) => runtime.observe(placement)))).flatMap(({ nodes }) => [...nodes]);

  /** Nodes that the framework lets be changed now, as the worker's coordinator asks it. */
  const toOnly = async (): Promise<string[] | undefined> => {
    const wanted = toBlueprints().flatMap(({ blueprint }) => blueprint.nodes);
    const applied = new Map((await observe()).map((node) => [node.node, node.appliedHash]));
    const changed = wanted.filter(
      (node) => applied.get(node.name) !== undefined && applied.get(node.name) !== toNodeHash(node),
    );
    if (changed.length === 0) return undefined;
    const allowed = new Set(
      fabric.rollout({
        spec,
        nodes: fabric.topology(spec),
        changed: changed.map(({ name }) => ({ node: name, isRendererOnly: false })),
        fresh: wanted.filter(({ name }) => applied.get(name) === undefined).map(({ name }) => name),
        healthy: Object.entries(view?.nodes ?? {}).flatMap(([name, node]) => (node.healthy ? [name] : [])),
        material,
        view,
      }),
    );
    const held = new Set(changed.filter(({ name }) => !allowed.has(name)).map(({ name }) => name));
    return wanted.map(({ name }) => name).filter((name) => !held.has(name));
  };

  const apply = async (): Promise<void> => {
    const only = await toOnly();
    for (const { placement, blueprint } of toBlueprints()) {
      const local = only?.filter((name) => blueprint.nodes.some((node) => node.name === name));
      await runtime.apply(placement, blueprint, source, fence, local);
    }
  };

  const isApplied = async (): Promise<boolean> => {
    const nodes = (await observe()).filter(({ state }) => state !== "absent");
    const wanted = toBlueprints().flatMap(({ blueprint }) => blueprint.nodes);
    const isThere = (node: BlueprintNode): boolean =>
      nodes.some(
        (seen) => seen.node === node.name && seen.state === "running" && seen.appliedHash === toNodeHash(node),
      );
    return nodes.length === wanted.length && wanted.every(isThere);
  };

  const isWell = (): boolean => fabric.topology(spec).every(({ name }) => view?.nodes[name]?.healthy === true);

  /**
   * Passes until nothing is left to do. The last failure of a step is thrown when the time is over, and one that is
   * waited for (`isAwaited`) at once.
   */
  const converge = async ({
    timeoutMs = 180_000,
    mayRenew = false,
    isAwaited = () => false,
  }: {
    timeoutMs?: number;
    mayRenew?: boolean;
    isAwaited?: (error: unknown) => boolean;
  } = {}): Promise<void> => {
    const now = systemClock.now();
    const endsAt = performance.now() + timeoutMs;
    const signal = AbortSignal.timeout(timeoutMs);
    const reserved: [string, AddressesByRegion[string]][] = [];
    for (const placement of placements) {
      const nodes = fabric.topology(spec).filter(({ region }) => region === placement.region);
      reserved.push([placement.region, await runtime.reserve(placement, nodes, fence)]);
    }
    addresses = Object.fromEntries(reserved);
    await timed("material", () => makeMaterial(now, mayRenew));
    let last: unknown;
    for (;;) {
      if (!(await isApplied())) await apply();
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
        const open = new Set(steps.map(({ key }) => key));
        const ready = steps.filter((step) => step.dependsOn.every((key) => !open.has(key)));
        // Regions work at the same time, each at its own steps in their order.
        await Promise.all(
          placements.map(async ({ region }) => {
            for (const step of ready) if (step.region === region) await runStep(step, signal);
          }),
        );
      } catch (error) {
        if (isAwaited(error)) throw error;
        if (!signal.aborted) last = error;
        if (performance.now() > endsAt) throw last;
        await sleep(200);
      }
    }
  };

  return {
    framework: fabric,
    dial: (node: string, port: string) => runtime.dial(placementOf(node), node, port),
    observe,
    signer,
    signatures: count,
    turns,
    privateKey,
    view: () => view,
    spec: () => spec,
    material: () => material,
    steps: () => (view === null ? [] : fabric.steps(spec, material, view, systemClock.now(), addresses)),
    look: async (): Promise<ChainView> => {
      view = await inspect(AbortSignal.timeout(60_000));
      return view;
    },
    wish: (next: Partial<ChainSpec>): void => {
      spec = { ...spec, ...next, generation: spec.generation + 1 };
    },
    converge,
    /** Passes until a step fails with these words, and answers that failure: what is wished can't be had. */
    trouble: async (words: string): Promise<{ code: string; message: string; hint: string }> => {
      const isAwaited = (error: unknown): boolean => error instanceof Error && error.message.includes(words);
      const failure = await converge({ isAwaited }).then(
        () => undefined,
        (error: unknown) => error,
      );
      if (!isAwaited(failure)) throw new Error(`no step failed with ${words}`, { cause: failure });
      const { code, message, hint = "" } = failure as DomainError;
      return { code, message, hint };
    },
    /** Does all steps of a new network once more, as after a view that was lost. */
    repeat: async (): Promise<void> => {
      const signal = AbortSignal.timeout(120_000);
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
      for await (const { line } of runtime.logs(placementOf(node), node, {})) lines.push(line);
      return lines;
    },
    close: async (): Promise<void> => {
      fence += 1n;
      for (const placement of placements) await runtime.destroy(placement, { volumes: true, fence });
      await rm(home, { recursive: true, force: true });
    },
  };
};

export type Network = Awaited<ReturnType<typeof openNetwork>>;
