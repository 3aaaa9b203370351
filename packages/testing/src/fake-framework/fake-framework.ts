import type {
  ChainSpec,
  ChainView,
  JsonObject,
  MaterialItem,
  NewMaterialItem,
  NodeSpec,
  PartSpec,
  RpcPolicy,
  Step,
} from "@portolan/domain";
import { canonicalJson, DomainError } from "@portolan/domain";
import type { Framework, PartKind, ReviewProblem } from "@portolan/frameworks";
import { z } from "zod";
import { toFakeBlueprints } from "./fake-blueprint.ts";
import type { FakeNodeStatus } from "./fake-node.ts";

/** How the fake framework talks to its nodes: over HTTP, or to nodes in memory. */
export type FakeExchange = (
  target: { host: string; port: number },
  method: "GET" | "POST",
  path: string,
  signal: AbortSignal,
) => Promise<FakeNodeStatus>;

export const httpExchange: FakeExchange = async ({ host, port }, method, path, signal) => {
  const response = await fetch(`http://${host}:${port}${path}`, {
    method,
    signal: AbortSignal.any([signal, AbortSignal.timeout(2_000)]),
  });
  if (!response.ok) throw new Error(`the fake node answered ${response.status}`);
  return (await response.json()) as FakeNodeStatus;
};

const settings = z.strictObject({
  leaves: z.number().int().min(1).max(6).default(3),
  /** Changing it changes every node's command line: a rolling change. */
  greeting: z.string().max(100).default("hello"),
  /** Can't be changed once the chain is there. */
  codename: z.string().max(20).default("fake"),
  /** Callers from outside may reach the hub's stream. */
  isOutside: z.boolean().exactOptional(),
});

const topicSettings = z
  .strictObject({
    retentionHours: z.number().int().min(1).max(8_760).default(24),
    /** Every node refuses it, for good: what a part looks like that can't be made. */
    isRefused: z.boolean().default(false),
    /** A node of its own, in the first region. */
    hasRelay: z.boolean().default(false),
  })
  .meta({ id: "TopicSettings" });

export const topicKind = {
  kind: "topic",
  plural: "topics",
  title: "topic",
  idPrefix: "top",
  settings: topicSettings,
  name: {
    pattern: /^[a-z][a-z0-9-]*$/,
    maxLength: 32,
    message: "must be lower-case letters, digits and hyphens, a letter first",
  },
  update: "settings",
  deletable: true,
} as const satisfies PartKind;

/** Other kinds that a test hangs onto the framework are of no effect. */
const topicsOf = (spec: Pick<ChainSpec, "parts">) =>
  spec.parts
    .filter((part) => part.kind === topicKind.kind)
    .map((part) => ({ ...part, settings: topicSettings.parse(part.settings) }));

export const fakeAuthority = "authority/root";
/** What a region may have something signed with; the authority is not. Nothing of the framework's own needs it. */
export const fakeNotary = "notary";
/** A certificate lives for thirty days, and is due for renewal ten days before its end. */
export const certificateDays = 30;
const renewalDays = 10;
const dayMs = 86_400_000;

const regionOf = (spec: ChainSpec, ordinal: number): string => spec.regions[ordinal % spec.regions.length] ?? "";

const topology = (spec: ChainSpec): NodeSpec[] => {
  const { leaves, isOutside = false } = settings.parse(spec.settings);
  const ports = [
    { name: "status", exposure: "admin", protocol: "http" },
    { name: "stream", exposure: "gateway", protocol: "tcp" },
  ] as const;
  const hubPorts = isOutside ? [ports[0], { ...ports[1], outsideBy: "tls" as const }] : ports;
  const hub: NodeSpec = { name: "hub-0", role: "hub", ordinal: 0, region: regionOf(spec, 0), ports: hubPorts };
  const others = Array.from(
    { length: leaves },
    (_, ordinal): NodeSpec => ({
      name: `leaf-${ordinal}`,
      role: "leaf",
      ordinal,
      region: regionOf(spec, ordinal),
      ports,
    }),
  );
  const relays = topicsOf(spec)
    .filter((part) => part.settings.hasRelay && part.isDeleted !== true)
    .map(
      (part): NodeSpec => ({
        name: `relay-${part.name}-0`,
        role: "relay",
        ordinal: 0,
        region: regionOf(spec, 0),
        ports,
        part: part.id,
      }),
    );
  return [hub, ...others, ...relays];
};

const newest = (items: readonly MaterialItem[], name: string): MaterialItem | undefined =>
  items.filter((item) => item.name === name).sort((a, b) => b.version - a.version)[0];

const material: Framework["material"] = async (spec, existing, { addresses, signer, random, now }) => {
  const made: NewMaterialItem[] = [];
  const authority = await signer.createKey(fakeAuthority, "ed25519");
  const nodes = topology(spec);
  if (newest(existing, "genesis") === undefined) {
    // Reserved addresses are part of what is made once: they must never move.
    const peers = nodes.map((node) => {
      const address = (addresses[node.region] ?? []).find((item) => item.node === node.name && item.port === "status");
      if (address === undefined) throw new Error(`no address of ${node.name}`);
      return { node: node.name, host: address.host, port: address.number };
    });
    made.push({
      name: "genesis",
      version: 1,
      kind: "genesis",
      owner: "plane",
      public: { peers, authority: authority.publicKey },
      hasSecret: false,
    });
  }
  for (const node of nodes) {
    const name = `certificate/${node.name}`;
    const former = newest(existing, name);
    const isDue = former?.renewAt !== undefined && new Date(former.renewAt) <= now;
    if (former !== undefined && !isDue) continue;
    const version = (former?.version ?? 0) + 1;
    const notAfter = new Date(now.getTime() + certificateDays * dayMs).toISOString();
    const content = { node: node.name, version, notAfter };
    const signature = await signer.sign(fakeAuthority, Buffer.from(canonicalJson(content), "utf8"));
    made.push({
      name,
      version,
      kind: "certificate",
      owner: "plane",
      public: { ...content, signature: Buffer.from(signature).toString("base64") },
      hasSecret: true,
      secret: Buffer.from(Buffer.from(random.bytes(32)).toString("hex"), "utf8"),
      expiresAt: notAfter,
      renewAt: new Date(now.getTime() + (certificateDays - renewalDays) * dayMs).toISOString(),
    });
  }
  return made;
};

const hoursOn = (view: ChainView, node: string, topic: string): number | undefined =>
  (view.nodes[node]?.detail?.["retention"] as { readonly [topic: string]: number } | undefined)?.[topic];

/**
 * A topic is created on the hub first; leaves subscribe once it is there, in whatever region they are. A deleted one goes
 * from each where it is.
 */
const steps: Framework["steps"] = (spec, _material, view) => {
  const nodes = topology(spec).filter((node) => node.part === undefined);
  const hub = nodes[0];
  if (hub === undefined) return [];
  return topicsOf(spec).flatMap(({ id, name, generation, isDeleted, settings: { retentionHours, isRefused } }) => {
    const open = nodes.filter((node) => {
      const hours = hoursOn(view, node.name, name);
      return isDeleted === true ? hours !== undefined : hours !== retentionHours;
    });
    const keyOf = (node: NodeSpec): string => `topic/${name}/${generation}/${node.name}`;
    return open.map((node): Step => {
      const verb = isDeleted === true ? "Remove" : node === hub ? "Create" : "Subscribe to";
      return {
        key: keyOf(node),
        action: isDeleted === true ? "removeTopic" : "addTopic",
        title: `${verb} topic ${name} on ${node.name}`,
        region: node.region,
        node: node.name,
        dependsOn: node === hub || isDeleted === true ? [] : [keyOf(hub)],
        input: { topic: name, retentionHours, isRefused },
        part: id,
        isUndoable: false,
        timeoutMs: 5_000,
      };
    });
  });
};

const reviewPart = (spec: ChainSpec, part: PartSpec): ReviewProblem[] => {
  if (part.kind !== topicKind.kind) return [];
  if (part.isDeleted === true && part.name === "system")
    return [{ path: "topic", code: "in_use", message: "The topic system can't be deleted." }];
  const { retentionHours } = topicSettings.parse(part.settings);
  const sum = topicsOf(spec).reduce((hours, topic) => hours + (topic.isDeleted ? 0 : topic.settings.retentionHours), 0);
  if (sum <= 10_000) return [];
  const message = `All topics together may keep 10000 hours, not ${sum}.`;
  return [
    { path: "settings.retentionHours", code: "too_long", message, hint: `Take ${retentionHours - sum + 10_000}.` },
  ];
};

const everyMethod: RpcPolicy = {
  verdict: () => ({ kind: "forward", weight: 10, isWrite: false, scope: "rpc" }),
  check: () => null,
  surcharge: () => 0,
  maxBatch: 100,
  maxBodyBytes: 1_048_576,
  timeoutMs: 5_000,
};

/**
 * A framework that needs everything the interface has: several nodes in several regions, reserved addresses inside its
 * genesis, renewable material signed by an authority in custody, a part of its own, steps with dependencies across
 * regions, a rolling change, two programs on one data directory, an init command, a one-off job, and a stream protocol.
 */
export const createFakeFramework = (exchange: FakeExchange = httpExchange): Framework => ({
  slug: "fake",
  family: "fake",
  title: "Fake network for tests",
  versions: [
    { version: "1.0.0", upgradesTo: ["1.1.0"], isDefault: true },
    // From the newer one there is no way back.
    { version: "1.1.0", upgradesTo: [], isDefault: false },
  ],
  roles: [
    { role: "hub", title: "Hub" },
    { role: "leaf", title: "Leaf" },
    { role: "relay", title: "Relay of a topic" },
  ],
  plans: [
    {
      plan: "dev",
      title: "Development",
      recoveryWindowSeconds: 0,
      limits: { cpuMillis: 50, memoryBytes: 67_108_864, storageBytes: 1_048_576, unitsPerSecond: 1_000 },
    },
    {
      plan: "standard",
      title: "Standard",
      recoveryWindowSeconds: 86_400,
      limits: { cpuMillis: 50, memoryBytes: 67_108_864, storageBytes: 1_048_576, unitsPerSecond: 1_000 },
    },
  ],
  sharing: ["dedicated"],
  settings: settings as unknown as z.ZodType<JsonObject>,
  review: () => [],
  reviewUpdate: (former, next) => {
    const isKept = settings.parse(former.settings).codename === settings.parse(next.settings).codename;
    return isKept ? [] : [{ path: "settings.codename", code: "immutable", message: "The codename can't be changed." }];
  },
  reviewPart,
  presentPart: (spec, part, items, view) => ({
    nodes: topology(spec)
      .filter((node) => view !== null && hoursOn(view, node.name, part.name) !== undefined)
      .map((node) => node.name),
    isRooted: newest(items, "genesis") !== undefined,
  }),
  documents: (spec, items, _view, addresses) => {
    const genesis = newest(items, "genesis");
    if (genesis === undefined) return [];
    const content = { genesis: genesis.public, topics: topicsOf(spec).map(({ name }) => name), addresses };
    return [
      {
        name: "network.json",
        mediaType: "application/json",
        title: "The network and where it is called",
        content: JSON.stringify(content, null, 2),
      },
    ];
  },
  attributes: () => ({ access: "permissioned", currency: "none" }),
  parts: [topicKind],
  rendererVersion: 1,
  topology,
  material,
  blueprint: (spec, items, context) =>
    toFakeBlueprints({
      spec,
      nodes: topology(spec),
      greeting: settings.parse(spec.settings).greeting,
      newest: (name) => newest(items, name),
      ...context,
    }),
  signers: () => [fakeNotary],
  inspect: async ({ nodes, access }) => {
    const seen = await Promise.all(
      nodes.map(async (node) => {
        if (access.observations.find((item) => item.node === node.name)?.state !== "running") {
          return [node.name, { healthy: false, reason: "not running" }] as const;
        }
        try {
          const status = await exchange(await access.dial(node.name, "status"), "GET", "/status", access.signal);
          const detail: JsonObject = {
            topics: status.topics,
            retention: status.retention,
            certificateVersion: status.certificateVersion,
            seeds: status.seeds,
            isPrepared: status.isPrepared,
          };
          return [node.name, { healthy: status.isPrepared, height: String(status.height), detail }] as const;
        } catch {
          return [node.name, { healthy: false, reason: "does not answer" }] as const;
        }
      }),
    );
    return { nodes: Object.fromEntries(seen), facts: {}, at: access.now.toISOString() };
  },
  steps,
  actions: {
    addTopic: async ({ step, access, signal }) => {
      if (step.input["isRefused"] === true) {
        throw new DomainError({
          code: "step.failed",
          message: `${step.node} refuses the topic ${String(step.input["topic"])}.`,
          hint: "Delete it, or change its settings.",
        });
      }
      const path = `/topics/${String(step.input["topic"])}?hours=${String(step.input["retentionHours"])}`;
      const status = await exchange(await access.dial(step.node ?? "", "status"), "POST", path, signal);
      return { topics: status.topics };
    },
    removeTopic: async ({ step, access, signal }) => {
      const path = `/topics/${String(step.input["topic"])}/remove`;
      const status = await exchange(await access.dial(step.node ?? "", "status"), "POST", path, signal);
      return { topics: status.topics };
    },
  },
  // One at a time, and only while every other node is well: what this network survives.
  rollout: ({ nodes, changed, fresh, healthy }) => {
    const due = changed.filter((change) => !change.isRendererOnly).map((change) => change.node);
    const well = new Set(healthy);
    const own = nodes.filter((node) => node.part === undefined);
    const unwell = own.map((node) => node.name).filter((name) => !well.has(name) && !fresh.includes(name));
    if (unwell.length > 0) return due.filter((name) => unwell.includes(name));
    return due.slice(0, 1);
  },
  backup: { mode: "stopped" },
  protocols: [{ name: "stream", role: "hub", port: "stream", policy: everyMethod }],
});
