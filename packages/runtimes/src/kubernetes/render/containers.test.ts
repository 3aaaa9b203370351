import type { BlueprintNode, ProcessSpec } from "@portolan/domain";
import { expect, test } from "vitest";
import { kubernetesSettings } from "../settings.ts";
import { renderContainers, toGraceSeconds } from "./containers.ts";

const process = (name: string, after: readonly string[], more: Partial<ProcessSpec> = {}): ProcessSpec => ({
  name,
  program: { name, version: "1", image: `registry.example/${name}:1` },
  args: [],
  env: {},
  after,
  stopSignal: "SIGTERM",
  stopGraceMs: 10_000,
  ...more,
});

const nodeOf = (...processes: ProcessSpec[]): BlueprintNode => ({
  name: "node-0",
  role: "node",
  ordinal: 0,
  version: "1",
  processes,
  init: [{ name: "prepare", program: { name: "p", version: "1", image: "p:1" }, args: [], env: {}, timeoutMs: 1_000 }],
  jobs: [],
  files: [],
  volumes: [],
  ports: [
    {
      name: "rpc",
      exposure: "gateway",
      protocol: "http",
      bindHost: "0.0.0.0",
      bindNumber: 8_000,
      host: "h",
      number: 8_000,
    },
  ],
  userId: 1000,
  resources: { cpuMillis: 300, memoryBytes: 3 << 20 },
  startAfter: [],
});

const render = (...processes: ProcessSpec[]) =>
  renderContainers({ node: nodeOf(...processes), settings: kubernetesSettings.parse({}), secretName: "s" });

test("what others wait for starts before them, in order, after what runs to its end", () => {
  const { initContainers, containers } = render(
    process("gateway", ["beacon"]),
    process("beacon", ["engine"]),
    process("metrics", []),
    process("engine", []),
  );
  expect(initContainers.map(({ name, restartPolicy }) => [name, restartPolicy])).toEqual([
    ["init-prepare", undefined],
    ["engine", "Always"],
    ["beacon", "Always"],
  ]);
  expect(containers.map(({ name }) => name)).toEqual(["gateway", "metrics"]);
});

test("what nobody waits for runs side by side", () => {
  const { initContainers, containers } = render(process("a", []), process("b", []));
  expect(initContainers.map(({ name }) => name)).toEqual(["init-prepare"]);
  expect(containers.map(({ name }) => name)).toEqual(["a", "b"]);
});

test("the grace is the longest at the end of the chain and the sum along it", () => {
  const chain = [
    process("engine", [], { stopGraceMs: 20_000 }),
    process("beacon", ["engine"], { stopGraceMs: 5_000 }),
    process("a", ["beacon"], { stopGraceMs: 1_000 }),
    process("b", ["beacon"], { stopGraceMs: 30_000 }),
  ];
  expect(toGraceSeconds(chain)).toBe(20 + 5 + 30 + 2);
});

const probe = { port: "rpc", path: "/up", body: "{}", periodMs: 2_000, timeoutMs: 1_500, startupMs: 20_000 };

test.each([
  ["http", { httpGet: { path: "/up", port: 8_000, scheme: "HTTP" }, periodSeconds: 2 }],
  ["rpc", { tcpSocket: { port: 8_000 }, periodSeconds: 2 }],
  ["tcp", { tcpSocket: { port: 8_000 }, periodSeconds: 2 }],
  ["tls", { tcpSocket: { port: 8_000 }, periodSeconds: 30 }],
] as const)(
  "kubelet does what it can of a probe of the kind %s, and never kills for a missed answer",
  (kind, wished) => {
    const { containers } = render(process("a", [], { probe: { ...probe, kind } }));
    expect(containers[0]?.readinessProbe).toMatchObject({ ...wished, timeoutSeconds: 2 });
    expect(containers[0]).not.toHaveProperty("livenessProbe");
    expect(containers[0]?.startupProbe?.failureThreshold).toBeGreaterThanOrEqual(1_800);
  },
);

test("requests of a node's programs make up the node's, and none may use more than it", () => {
  const { containers, initContainers } = render(process("a", []), process("b", []), process("c", ["a"]));
  const all = [...containers, ...initContainers.slice(1)];
  expect(all.map(({ resources }) => resources?.requests?.["cpu"])).toEqual(["100m", "100m", "100m"]);
  expect(all.map(({ resources }) => resources?.requests?.["memory"])).toEqual(["1Mi", "1Mi", "1Mi"]);
  for (const { resources } of all) expect(resources?.limits).toMatchObject({ cpu: "600m", memory: "3Mi" });
});
