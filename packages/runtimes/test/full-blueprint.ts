import type {
  Blueprint,
  BlueprintNode,
  BlueprintPort,
  FileSpec,
  InitSpec,
  JobSpec,
  NetworkRule,
  Probe,
  ProcessSpec,
  ProgramSpec,
  VolumeSpec,
} from "@portolan/domain";

/** A blueprint in which every member of every type has a value. */
const program: ProgramSpec = { name: "server", version: "1", image: "registry.example/server:1" };

export const fullProbe: Required<Probe> = {
  kind: "http",
  port: "rpc",
  path: "/status",
  body: "{}",
  periodMs: 2_000,
  timeoutMs: 3_000,
  startupMs: 200_000,
};

export const fullProcess: Required<ProcessSpec> = {
  name: "main",
  program,
  args: ["--data", { volume: "data", path: "ledger" }, { file: "config/main.yaml" }, ["in=", { directory: "config" }]],
  env: { MODE: "full", KEY: { secret: { material: "key", version: 1 } } },
  probe: fullProbe,
  after: ["first"],
  isAuxiliary: true,
  stopSignal: "SIGTERM",
  stopGraceMs: 5_000,
};

const first: ProcessSpec = {
  name: "first",
  program,
  args: [],
  env: {},
  after: [],
  stopSignal: "SIGTERM",
  stopGraceMs: 10_000,
};

/** Nothing waits for it: what others may wait for instead of `first`. */
const second: ProcessSpec = { ...first, name: "second", probe: { ...fullProbe, kind: "tls", port: "peer" } };

export const fullInit: InitSpec = {
  name: "prepare",
  program,
  args: ["prepare"],
  env: { STEP: "prepare" },
  timeoutMs: 30_000,
};

export const fullJob: JobSpec = { ...fullInit, name: "seed", args: ["seed"], key: "seed/1" };

export const fullFile: FileSpec = {
  name: "config/main.yaml",
  content: { text: ["data: ", { volume: "data" }] },
  mode: 0o644,
};

export const fullVolume: VolumeSpec = { name: "data", kind: "data", sizeBytes: 1 << 30 };

export const fullPort: BlueprintPort = {
  name: "rpc",
  exposure: "gateway",
  protocol: "http",
  bindHost: "0.0.0.0",
  bindNumber: 8_001,
  host: "node-0.example",
  number: 9_001,
};

export const fullNode: BlueprintNode = {
  name: "node-0",
  role: "node",
  ordinal: 0,
  version: "1",
  processes: [fullProcess, first, second],
  init: [fullInit],
  jobs: [fullJob],
  files: [
    fullFile,
    { name: "ca.pem", content: { public: { material: "ca", version: 1, field: "pem" } }, mode: 0o644 },
    { name: "key.pem", content: { secret: { material: "key", version: 1 } }, mode: 0o600 },
    { name: "tool", content: { asset: "tool" }, mode: 0o755 },
  ],
  volumes: [fullVolume, { name: "cache", kind: "scratch", sizeBytes: 1 << 20 }],
  ports: [
    fullPort,
    { ...fullPort, name: "peer", exposure: "internal", protocol: "grpc", bindNumber: 8_000, number: 9_000 },
  ],
  userId: 1000,
  resources: { cpuMillis: 500, memoryBytes: 1 << 30 },
  startAfter: ["node-1"],
};

const other: BlueprintNode = { ...fullNode, name: "node-1", ordinal: 1, startAfter: [] };

export const fullRule: NetworkRule = { from: { node: "node-1", region: "here" }, to: { node: "node-0", port: "rpc" } };

export const fullBlueprint: Blueprint = {
  chainId: "chn_01jd0000000000000000000001",
  placementId: "plc_01jd0000000000000000000001",
  framework: "full",
  rendererVersion: 1,
  nodes: [fullNode, other],
  network: [fullRule, { from: "gateway", to: { node: "node-0", port: "rpc" } }],
  spread: [{ group: "nodes", nodes: ["node-0", "node-1"] }],
};
