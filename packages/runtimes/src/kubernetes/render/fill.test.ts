import type { BlueprintNode } from "@portolan/domain";
import { DomainError } from "@portolan/domain";
import { expect, test } from "vitest";
import type { SecretSource } from "../../runtime.ts";
import { kubernetesSettings } from "../settings.ts";
import { fillSecrets } from "./fill.ts";
import { renderNode } from "./node.ts";
import type { RenderedNode } from "./rendered.ts";

const word = "correct-horse-battery-staple";
const source: SecretSource = {
  secret: () => Buffer.from(word),
  public: ({ version }) => ({ pem: `certificate ${version}` }),
  asset: (path) => (path === "binary" ? Buffer.from([0xff, 0xfe, 0x00]) : Buffer.from("#!/bin/sh\n")),
};

const program = { name: "p", version: "1", image: "p:1" };
const nodeOf = (change: Partial<BlueprintNode> = {}): BlueprintNode => ({
  name: "node-0",
  role: "node",
  ordinal: 0,
  version: "1",
  processes: [
    {
      name: "main",
      program,
      args: [],
      env: { KEY: { secret: { material: "key", version: 1 } } },
      after: [],
      stopSignal: "SIGTERM",
      stopGraceMs: 1_000,
    },
  ],
  init: [],
  jobs: [{ name: "seed", key: "seed/1", program, args: [], env: {}, timeoutMs: 1_000 }],
  files: [
    { name: "msp/cacerts/ca.pem", content: { public: { material: "ca", version: 1, field: "pem" } }, mode: 0o644 },
    { name: "msp/keystore/key.pem", content: { secret: { material: "key", version: 1 } }, mode: 0o600 },
    { name: "tool", content: { asset: "tool" }, mode: 0o755 },
    { name: "blob", content: { asset: "binary" }, mode: 0o644 },
    { name: "where", content: { text: ["in ", { directory: "msp" }] }, mode: 0o644 },
  ],
  volumes: [],
  ports: [],
  userId: 1000,
  resources: { cpuMillis: 100, memoryBytes: 1 << 20 },
  startAfter: [],
  ...change,
});

const placement = { placementId: "plc_1", chainId: "chn_1", tenantId: "ten_1", region: "here" };
const render = (change: Partial<BlueprintNode> = {}): RenderedNode =>
  renderNode({
    placement,
    blueprint: { framework: "f", rendererVersion: 1, spread: [] },
    node: nodeOf(change),
    nodeHash: "hash",
    settings: kubernetesSettings.parse({}),
  });

/** Paths and modes of what is mounted, each with the value that lies under its key. */
const mounted = (node: RenderedNode) => {
  const [volume] = node.statefulSet.spec?.template.spec?.volumes ?? [];
  return (volume?.projected?.sources ?? []).flatMap(({ configMap, secret }) => {
    const from = configMap ?? secret;
    const object = configMap === undefined ? node.secret : node.files;
    expect(from?.name).toBe(object?.metadata.name);
    return (from?.items ?? []).map(({ key, path, mode }) => {
      const binary = node.files?.binaryData?.[key] ?? node.secret?.data?.[key];
      const text = node.files?.data?.[key];
      return [path, mode, text ?? Buffer.from(binary ?? "", "base64").toString("latin1")];
    });
  });
};

test("every file lies where its name says, with its mode and content", () => {
  expect(mounted(fillSecrets(render(), source))).toEqual([
    ["msp/cacerts/ca.pem", 0o644, "certificate 1"],
    ["tool", 0o755, "#!/bin/sh\n"],
    ["blob", 0o644, "\u00ff\u00fe\u0000"],
    ["where", 0o644, "in /portolan/files/msp"],
    ["msp/keystore/key.pem", 0o600, word],
  ]);
});

test("secrets are in the Secret and nowhere else, and no name tells of them", () => {
  const node = fillSecrets(render(), source);
  const { secret, ...rest } = node;
  expect(Object.values(secret?.data ?? {})).toEqual(
    [Buffer.from(word), Buffer.from(word)].map((one) => one.toString("base64")),
  );
  const text = JSON.stringify({ ...rest, name: secret?.metadata.name });
  expect(text).not.toContain(word);
  expect(text).not.toContain(Buffer.from(word).toString("base64"));
  const other = fillSecrets(render(), { ...source, secret: () => Buffer.from("another") });
  expect(other.secret?.metadata.name).toBe(secret?.metadata.name);
});

test("a secret of the environment is referred to by the key that it lies under", () => {
  const node = fillSecrets(render(), source);
  const [main] = node.statefulSet.spec?.template.spec?.containers ?? [];
  const ref = main?.env?.find(({ name }) => name === "KEY")?.valueFrom?.secretKeyRef;
  expect(ref?.name).toBe(node.secret?.metadata.name);
  expect(node.secret?.data?.[ref?.key ?? ""]).toBe(Buffer.from(word).toString("base64"));
});

test("another content is another object, in the pod and in the jobs; the same is the same", () => {
  const [first, again] = [fillSecrets(render(), source), fillSecrets(render(), source)];
  const other = fillSecrets(render(), { ...source, asset: () => Buffer.from("new") });
  expect(again).toEqual(first);
  expect(other.files?.metadata.name).not.toBe(first.files?.metadata.name);
  const nameIn = ({ jobs }: RenderedNode) =>
    jobs[0]?.job.spec?.template.spec?.volumes?.[0]?.projected?.sources?.[0]?.configMap?.name;
  expect(nameIn(other)).toBe(other.files?.metadata.name);
  expect(nameIn(first)).toBe(first.files?.metadata.name);
});

test("more than a cluster takes is refused in words, whether text, asset or secret", () => {
  const large = Buffer.alloc(1_048_577, "x");
  const text = { name: "large", content: { text: large.toString() }, mode: 0o644 };
  expect(() => render({ files: [text] })).toThrow(DomainError);
  expect(() => fillSecrets(render(), { ...source, asset: () => large })).toThrow(/files of the node node-0 have/);
  expect(() => fillSecrets(render(), { ...source, secret: () => large })).toThrow(/secrets of the node node-0 have/);
});

test("material without the field that a file is made of is said, not written as nothing", () => {
  expect(() => fillSecrets(render(), { ...source, public: () => ({}) })).toThrow(/material ca has no pem/);
});
