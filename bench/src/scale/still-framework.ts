import type { Blueprint, ChainSpec, JsonObject, NodeSpec } from "@portolan/domain";
import type { Framework } from "@portolan/frameworks";
import { z } from "zod";

const nodeName = "node-0";
const port = { name: "status", exposure: "admin", protocol: "http" } as const;
const mebibyte = 1_048_576;
const limits = { cpuMillis: 10, memoryBytes: 32 * mebibyte, storageBytes: 16 * mebibyte, unitsPerSecond: 1_000 };

const topology = (spec: ChainSpec): NodeSpec[] => {
  const region = spec.regions[0];
  return region === undefined ? [] : [{ name: nodeName, role: "node", ordinal: 0, region, ports: [port] }];
};

const blueprint: Framework["blueprint"] = (spec, _material, { regions, addresses }) => {
  const [node] = topology(spec);
  if (node === undefined) return {};
  const address = addresses[node.region]?.find((each) => each.node === nodeName);
  const made: Blueprint = {
    chainId: spec.chainId,
    placementId: regions[node.region]?.placementId ?? "",
    framework: "still",
    rendererVersion: 1,
    nodes: [
      {
        ...{ name: nodeName, role: node.role, ordinal: 0, version: spec.version },
        processes: [
          {
            name: "still",
            program: { name: "still", version: spec.version, image: `docker.io/library/still:${spec.version}` },
            args: ["--settings", { file: "settings.json" }, "--data", { volume: "data" }],
            env: {},
            probe: { kind: "tcp", port: port.name, periodMs: 5_000, timeoutMs: 1_000, startupMs: 20_000 },
            ...{ after: [], stopSignal: "SIGTERM" as const, stopGraceMs: 1_000 },
          },
        ],
        ...{ init: [], jobs: [], startAfter: [], userId: 1_000 },
        files: [{ name: "settings.json", content: { text: "{}" }, mode: 0o644 }],
        volumes: [{ name: "data", kind: "data", sizeBytes: limits.storageBytes }],
        ports: [
          {
            ...port,
            ...{ host: address?.host ?? "", number: address?.number ?? 0 },
            ...{ bindHost: address?.bindHost ?? "", bindNumber: address?.bindNumber ?? 0 },
          },
        ],
        resources: { cpuMillis: limits.cpuMillis, memoryBytes: limits.memoryBytes },
      },
    ],
    network: [{ from: "worker", to: { node: nodeName, port: port.name } }],
    spread: [],
  };
  return { [node.region]: made };
};

/**
 * One node with one program that nobody ever runs: whether it is well is what the runtime says of it. So what is
 * measured is Portolan and the cluster, and a thousand of them need no machine.
 */
export const stillFramework: Framework = {
  slug: "still",
  family: "fake",
  title: "Still (benchmarks)",
  versions: [{ version: "1.0.0", upgradesTo: [], isDefault: true }],
  roles: [{ role: "node", title: "Node" }],
  plans: [{ plan: "dev", title: "Development", recoveryWindowSeconds: 0, limits }],
  sharing: ["dedicated"],
  settings: z.strictObject({}) as unknown as z.ZodType<JsonObject>,
  review: () => [],
  attributes: () => ({ access: "permissioned", currency: "none" }),
  parts: [],
  rendererVersion: 1,
  topology,
  material: async () => [],
  blueprint,
  inspect: async ({ nodes, access }) => ({
    nodes: Object.fromEntries(
      nodes.map(({ name }) => {
        const state = access.observations.find(({ node }) => node === name)?.state;
        return [name, { healthy: state === "running", ...(state === "running" ? {} : { reason: "not running" }) }];
      }),
    ),
    facts: {},
    at: access.now.toISOString(),
  }),
  steps: () => [],
  actions: {},
  rollout: ({ changed, fresh }) => [
    ...fresh,
    ...changed.filter(({ isRendererOnly }) => !isRendererOnly).map(({ node }) => node),
  ],
  protocols: [],
};
