import type {
  Blueprint,
  BlueprintNode,
  BlueprintPort,
  FileContent,
  FileSpec,
  InitSpec,
  JobSpec,
  NetworkRule,
  Probe,
  ProcessSpec,
  ProgramSpec,
  VolumeSpec,
} from "@portolan/domain";
import { describe, expect, test } from "vitest";
import { annotationKeys } from "../src/kubernetes/labels.ts";
import { fillSecrets, renderPlacement } from "../src/kubernetes/render/index.ts";
import { kubernetesSettings } from "../src/kubernetes/settings.ts";
import { beside } from "../src/kubernetes/space.ts";
import {
  fullBlueprint,
  fullFile,
  fullInit,
  fullJob,
  fullNode,
  fullPort,
  fullProbe,
  fullProcess,
  fullRule,
  fullVolume,
} from "./full-blueprint.ts";

const settings = kubernetesSettings.parse({
  gateway: [{ cidr: "10.1.0.0/16" }],
  worker: [{ cidr: "10.2.0.0/16" }],
  regions: { there: [{ cidr: "10.3.0.0/16" }] },
  features: { stopSignal: true },
  entry: { domain: "example.org" },
});

const secrets = {
  secret: ({ material, version }: { material: string; version: number }) =>
    Buffer.from(`secret ${material} ${version}`),
  public: ({ material, version }: { material: string; version: number }) => ({
    pem: `${material} ${version}`,
    key: "k",
  }),
  asset: (path: string) => Buffer.from(`asset ${path}`),
};

/** Everything that is rendered, without the node's hash: that is of every field already, and carries none of them. */
const rendered = (blueprint: Blueprint): string => {
  const placement = {
    tenantId: "ten_1",
    region: "here",
    placementId: blueprint.placementId,
    chainId: blueprint.chainId,
  };
  const spaces = [placement, beside(placement)].map((space) => {
    const { namespace, shared, nodes } = renderPlacement(space, blueprint, settings);
    return [namespace, shared, [...nodes.values()].map((node) => ({ ...fillSecrets(node, secrets), nodeHash: "" }))];
  });
  return JSON.stringify(spaces, (key, value: unknown) => (key === annotationKeys.nodeHash ? undefined : value));
};

/** A member that no object of a cluster says, and why. */
interface Unread {
  unread: string;
}
const unread = (why: string): Unread => ({ unread: why });

/** Another value for each member of a type: a new member does not compile until it has one here. */
type Changes<T> = { readonly [K in keyof Required<T>]: Required<T>[K] | Unread };

const isUnread = (value: unknown): value is Unread => typeof value === "object" && value !== null && "unread" in value;

const withNode = (change: Partial<BlueprintNode>): Blueprint => ({
  ...fullBlueprint,
  nodes: [{ ...fullNode, ...change }, ...fullBlueprint.nodes.slice(1)],
});
const withProcess = (change: Partial<ProcessSpec>): Blueprint =>
  withNode({ processes: [{ ...fullProcess, ...change }, ...fullNode.processes.slice(1)] });

const blueprint: Changes<Blueprint> = {
  chainId: "chn_01jd0000000000000000000002",
  placementId: "plc_01jd0000000000000000000002",
  framework: "another",
  rendererVersion: 2,
  nodes: fullBlueprint.nodes.slice(0, 1),
  network: [fullRule],
  spread: [],
  registries: unread("the driver makes a Secret of them, which has another content and is no manifest"),
};

const node: Changes<Omit<BlueprintNode, "isTenantCode">> = {
  name: "node-2",
  role: "leaf",
  ordinal: 7,
  version: "2",
  processes: fullNode.processes.slice(1),
  init: [],
  jobs: [],
  files: fullNode.files.slice(0, 3),
  volumes: [...fullNode.volumes, { name: "more", kind: "data", sizeBytes: 1 }],
  ports: fullNode.ports.map((port) => ({ ...port, number: port.number + 1 })),
  userId: 1001,
  resources: { cpuMillis: 600, memoryBytes: 1 << 29 },
  startAfter: [],
};

const process: Changes<ProcessSpec> = {
  name: "other",
  program: { ...fullProcess.program, image: "registry.example/server:2" },
  args: ["--other"],
  env: {},
  probe: { ...fullProbe, kind: "tcp" },
  after: ["second"],
  isAuxiliary: false,
  stopSignal: "SIGINT",
  stopGraceMs: 50_000,
};

const program: Changes<ProgramSpec> = {
  name: "other",
  version: unread("the image is the program's version"),
  image: "registry.example/other:1",
  isEntrypoint: true,
};

const probe: Changes<Probe> = {
  kind: "tcp",
  port: "peer",
  path: "/other",
  body: unread("kubelet sends no POST; the framework's inspect asks"),
  periodMs: 9_000,
  timeoutMs: 9_000,
  startupMs: 900_000,
};

const init: Changes<InitSpec> = {
  name: "other",
  program: { ...fullInit.program, image: "registry.example/other:1" },
  args: ["other"],
  env: { STEP: "other" },
  timeoutMs: 60_000,
};

const job: Changes<JobSpec> = { ...init, key: "seed/2" };

const file: Changes<FileSpec> = {
  name: "config/other.yaml",
  content: { text: "other" },
  mode: 0o600,
  isForNextStart: unread("it is a matter of the node's hash, by which its pod is replaced or left"),
};

const volume: Changes<VolumeSpec> = { name: "other", kind: "scratch", sizeBytes: 2 << 30 };

const port: Changes<BlueprintPort> = {
  name: "other",
  exposure: "public",
  protocol: "tcp",
  bindHost: unread("the program is told by its arguments; the pod's address is its own"),
  bindNumber: 8_002,
  host: unread("it is the Service's name, which reserve gave, and stands in others' arguments"),
  number: 9_002,
  outside: { host: "node-0.example.org", number: 443, serverName: "node-0.example.org" },
};

const rule: Changes<NetworkRule> = {
  from: { node: "elsewhere-0", region: "there" },
  to: { node: "node-0", port: "peer" },
};

/** Its alternatives, by the member that tells them apart. */
type ContentKind = FileContent extends infer One ? (One extends unknown ? keyof One : never) : never;

const contents: { readonly [K in ContentKind]: FileContent } = {
  text: { text: "text" },
  public: { public: { material: "ca", version: 1, field: "key" } },
  secret: { secret: { material: "key", version: 2 } },
  asset: { asset: "other" },
};

/** Where a name is changed that others refer to, they have to speak of the new one. */
const referred: { readonly [member: string]: string } = {
  "BlueprintPort.name": fullPort.name,
  "VolumeSpec.name": fullVolume.name,
  "FileSpec.name": fullFile.name,
};

const referring = (type: string, member: string, value: unknown, changed: Blueprint): Blueprint => {
  const before = referred[`${type}.${member}`];
  if (before === undefined) return changed;
  return JSON.parse(JSON.stringify(changed).replaceAll(JSON.stringify(before), JSON.stringify(value))) as Blueprint;
};

const cases: readonly (readonly [type: string, changes: object, apply: (change: object) => Blueprint])[] = [
  ["Blueprint", blueprint, (change) => ({ ...fullBlueprint, network: [], ...change })],
  ["BlueprintNode", node, (change) => ({ ...withNode(change), network: [] })],
  ["ProcessSpec", process, withProcess],
  ["ProgramSpec", program, (change) => withProcess({ program: { ...fullProcess.program, ...change } })],
  ["Probe", probe, (change) => withProcess({ probe: { ...fullProbe, ...change } })],
  ["InitSpec", init, (change) => withNode({ init: [{ ...fullInit, ...change }] })],
  ["JobSpec", job, (change) => withNode({ jobs: [{ ...fullJob, ...change }] })],
  ["FileSpec", file, (change) => withNode({ files: [{ ...fullFile, ...change }, ...fullNode.files.slice(1)] })],
  [
    "VolumeSpec",
    volume,
    (change) => withNode({ volumes: [{ ...fullVolume, ...change }, ...fullNode.volumes.slice(1)] }),
  ],
  ["BlueprintPort", port, (change) => withNode({ ports: [{ ...fullPort, ...change }, ...fullNode.ports.slice(1)] })],
  ["NetworkRule", rule, (change) => ({ ...fullBlueprint, network: [{ ...fullRule, ...change }] })],
];

/** The same without the change. */
const bases: { readonly [type: string]: Blueprint } = {
  Blueprint: { ...fullBlueprint, network: [] },
  BlueprintNode: { ...fullBlueprint, network: [] },
  NetworkRule: { ...fullBlueprint, network: [fullRule] },
};

describe("every member of a blueprint is in the manifests, or is not for a reason", () => {
  for (const [type, changes, apply] of cases) {
    test.each(Object.entries(changes))(`${type}.%s`, (member, change: unknown) => {
      const isMapped = !isUnread(change);
      const value = isMapped ? change : `another ${member}`;
      const changed = referring(type, member, value, apply({ [member]: value }));
      const base = rendered(bases[type] ?? fullBlueprint);
      if (isMapped) expect(rendered(changed)).not.toBe(base);
      else expect(rendered(changed)).toBe(base);
    });
  }

  test("BlueprintNode.isTenantCode", () => {
    const program = { ...fullProcess.program, image: `registry.example/server@sha256:${"0".repeat(64)}` };
    const plain = { ...fullNode, init: [], jobs: [], volumes: [], processes: [{ ...fullProcess, args: [], program }] };
    const [own, tenants] = [{}, { isTenantCode: true } as const].map((trust) =>
      rendered({ ...fullBlueprint, nodes: [{ ...plain, files: [], ...trust }], network: [], spread: [] }),
    );
    expect(tenants).not.toBe(own);
    expect(tenants).toContain("p-plc-01jd0000000000000000000001-t");
  });

  test.each(Object.entries(contents))("FileContent.%s", (_kind, content) => {
    const withContent = (of: FileContent) =>
      rendered(withNode({ files: [fullFile, { ...fullFile, name: "x", content: of }] }));
    const plain = withNode({ files: [fullFile] });
    expect(withContent(content)).not.toBe(rendered(plain));
  });
});
