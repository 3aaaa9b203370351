import type {
  Blueprint,
  BlueprintNode,
  InitSpec,
  JobSpec,
  MaterialRef,
  NodeAddress,
  NodeSpec,
  ProcessSpec,
} from "@portolan/domain";
import type { PlacementRef, SecretSource } from "../runtime.ts";
import { echoServer } from "./echo-server.ts";

export const region = "here";
export const secretValue = "correct-horse-battery-staple-4711";
const secretRef: MaterialRef = { material: "secret", version: 1 };

/** The suite's material: one secret, one public item, one asset. */
export const secrets: SecretSource = {
  secret: () => Buffer.from(secretValue),
  public: ({ version }) => ({ b: 1, a: version === 1 ? "public" : `public ${version}` }),
  asset: () => Buffer.from(echoServer),
};

let counter = 0;

/** A placement of its own for each test. Ids have the form of real ones. */
export const newPlacement = (): PlacementRef => {
  const body = `${Date.now().toString(32).padStart(9, "0")}${String(process.pid).padStart(8, "0")}${String(counter++).padStart(9, "0")}`;
  const id = body.replace(/[ilou]/g, "z").slice(0, 26);
  return { placementId: `plc_${id}`, chainId: `chn_${id}`, tenantId: `ten_${id}`, region };
};

const node = { name: "node", version: "24", image: "docker.io/library/node:24" };
export const http = { name: "http", exposure: "gateway", protocol: "http" } as const;

export const toSpecs = (...names: string[]): NodeSpec[] =>
  names.map((name, ordinal) => ({ name, role: "echo", ordinal, region, ports: [http, { ...http, name: "side" }] }));

const portOf = (addresses: readonly NodeAddress[], name: string, port: string): NodeAddress => {
  const found = addresses.find((address) => address.node === name && address.port === port);
  if (!found) throw new Error(`nothing was reserved for ${name}/${port}`);
  return found;
};

export const serve = (
  addresses: readonly NodeAddress[],
  nodeName: string,
  change: Partial<ProcessSpec> & { port?: string } = {},
): ProcessSpec => {
  const { port = "http", ...rest } = change;
  const name = rest.name ?? "main";
  const { bindHost, bindNumber } = portOf(addresses, nodeName, port);
  return {
    name,
    program: node,
    args: [{ file: "echo.cjs" }, "serve", String(bindNumber), { volume: "data" }, name, bindHost],
    env: {},
    probe: { kind: "http", port, periodMs: 500, timeoutMs: 1000, startupMs: 20_000 },
    after: [],
    stopSignal: "SIGTERM",
    stopGraceMs: 5000,
    ...rest,
  };
};

export const append = (name: string, line: string): InitSpec => ({
  name,
  program: node,
  args: [{ file: "echo.cjs" }, "append", { volume: "data", path: "events" }, line],
  env: {},
  timeoutMs: 20_000,
});

export const fail = (name: string): InitSpec => ({ ...append(name, ""), args: [{ file: "echo.cjs" }, "fail"] });

export const once = (key: string): JobSpec => ({ ...append(`job-${key}`, `job ${key}`), key });

export const echoNode = (
  addresses: readonly NodeAddress[],
  name: string,
  change: Partial<BlueprintNode> = {},
): BlueprintNode => ({
  name,
  role: "echo",
  ordinal: 0,
  version: "1",
  processes: [serve(addresses, name)],
  init: [],
  jobs: [],
  files: [{ name: "echo.cjs", content: { asset: "echo.cjs" }, mode: 0o644 }],
  volumes: [{ name: "data", kind: "data", sizeBytes: 1 << 20 }],
  ports: [http, { ...http, name: "side" }].map(({ name: port, exposure, protocol }) => {
    const { host, number, bindHost, bindNumber } = portOf(addresses, name, port);
    return { name: port, exposure, protocol, host, number, bindHost, bindNumber };
  }),
  userId: 1000,
  resources: { cpuMillis: 100, memoryBytes: 128 << 20 },
  startAfter: [],
  ...change,
});

/** A node whose program gets a secret by environment and one by file, and nothing by its command line. */
export const secretNode = (addresses: readonly NodeAddress[], name: string): BlueprintNode => {
  const plain = echoNode(addresses, name);
  const env = { ECHO_SECRET: { secret: secretRef }, ECHO_SECRET_FILE: { file: "secret.txt" } };
  return {
    ...plain,
    processes: [serve(addresses, name, { env })],
    files: [
      ...plain.files,
      { name: "secret.txt", content: { secret: secretRef }, mode: 0o600 },
      { name: "public/item.json", content: { public: secretRef }, mode: 0o644 },
    ],
  };
};

/** A node with files in directories, one of them of material in the version `publicVersion`, and others by `change`. */
export const nestedNode = (
  addresses: readonly NodeAddress[],
  name: string,
  publicVersion = 1,
  files: BlueprintNode["files"] = [],
): BlueprintNode => {
  const plain = echoNode(addresses, name);
  const env = { ECHO_FILES: { directory: "msp" }, ECHO_ROOT: { directory: "" } };
  return {
    ...plain,
    processes: [serve(addresses, name, { env })],
    files: [
      ...plain.files,
      { name: "msp/keystore/key.pem", content: { secret: secretRef }, mode: 0o600 },
      {
        name: "msp/signcerts/cert.pem",
        content: { public: { ...secretRef, version: publicVersion, field: "a" } },
        mode: 0o644,
      },
      { name: "msp/bin/tool", content: { text: "#!/bin/sh\n" }, mode: 0o755 },
      { name: "msp/where", content: { text: ["in ", { directory: "msp/keystore" }, "!"] }, mode: 0o644 },
      ...files,
    ],
  };
};

export const toBlueprint = (
  placement: PlacementRef,
  nodes: readonly BlueprintNode[],
  rendererVersion = 1,
): Blueprint => ({
  chainId: placement.chainId,
  placementId: placement.placementId,
  framework: "fake",
  rendererVersion,
  nodes,
  // The suite itself asks the nodes; nobody else needs to.
  network: nodes.flatMap((node) =>
    node.ports.map((port) => ({ from: "worker" as const, to: { node: node.name, port: port.name } })),
  ),
  spread: [],
});
