import type { Blueprint, BlueprintNode, ProcessSpec } from "@portolan/domain";
import { DomainError } from "@portolan/domain";
import { expect, test } from "vitest";
import { type KubernetesSettingsInput, kubernetesSettings } from "../settings.ts";
import { renderPlacement } from "./placement.ts";

const digest = `sha256:${"a".repeat(64)}`;
const mebibyte = 1 << 20;

const main: ProcessSpec = {
  name: "main",
  program: { name: "p", version: "1", image: `p@${digest}` },
  args: ["--rpc", "http://127.0.0.1:8000"],
  env: {},
  after: [],
  stopSignal: "SIGTERM",
  stopGraceMs: 1_000,
};

const nodeOf = (name: string, change: Partial<BlueprintNode> = {}): BlueprintNode => ({
  name,
  role: "node",
  ordinal: 0,
  version: "1",
  processes: [main],
  init: [],
  jobs: [],
  files: [],
  volumes: [
    { name: "data", kind: "data", sizeBytes: 1024 * mebibyte },
    { name: "cache", kind: "scratch", sizeBytes: mebibyte },
  ],
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
  resources: { cpuMillis: 500, memoryBytes: 512 * mebibyte },
  startAfter: [],
  ...change,
});

const placement = { placementId: "plc_1", chainId: "chn_1", tenantId: "ten_1", region: "here" };
const blueprintOf = (nodes: readonly BlueprintNode[], change: Partial<Blueprint> = {}): Blueprint => ({
  chainId: "chn_1",
  placementId: "plc_1",
  framework: "f",
  rendererVersion: 1,
  nodes,
  network: [],
  spread: [],
  ...change,
});
const render = (
  nodes: readonly BlueprintNode[],
  settings: KubernetesSettingsInput = {},
  change: Partial<Blueprint> = {},
) => renderPlacement(placement, blueprintOf(nodes, change), kubernetesSettings.parse(settings));
const reasonsOf = (nodes: readonly BlueprintNode[], settings: KubernetesSettingsInput = {}) =>
  render(nodes, settings).notes.map(({ reason }) => reason);
const specOf = (shared: readonly object[], kind: string) =>
  (shared.find((object) => "kind" in object && object.kind === kind) as { spec: { hard: { [key: string]: string } } })
    .spec;

test("a blueprint of another placement or chain is refused", () => {
  const settings = kubernetesSettings.parse({});
  expect(() => renderPlacement({ ...placement, placementId: "plc_2" }, blueprintOf([]), settings)).toThrow(DomainError);
  expect(() => renderPlacement({ ...placement, chainId: "chn_2" }, blueprintOf([]), settings)).toThrow(DomainError);
});

test("two nodes of one name, a node of the superuser and one with nothing to run are refused", () => {
  expect(() => render([nodeOf("a"), nodeOf("a")])).toThrow(DomainError);
  expect(() => render([nodeOf("a", { userId: 0 })])).toThrow(/root/);
  expect(() => render([nodeOf("a", { processes: [] })])).toThrow(/nothing to run/);
});

test("the quota has room for the nodes, a successor and a copy, and for volumes that are kept", () => {
  const nodes = [nodeOf("a"), nodeOf("b", { resources: { cpuMillis: 1_000, memoryBytes: 1024 * mebibyte } })];
  const kept = [{ sizeBytes: 512 * mebibyte }];
  const { shared } = renderPlacement(placement, blueprintOf(nodes), kubernetesSettings.parse({}), kept);
  expect(specOf(shared, "ResourceQuota").hard).toMatchObject({
    pods: "4",
    "requests.cpu": "3500m",
    "requests.memory": `${512 + 1024 + 1024 + 256}Mi`,
    persistentvolumeclaims: "3",
    "requests.storage": "2560Mi",
    "services.loadbalancers": "0",
    "services.nodeports": "0",
  });
});

test("where backups are copied from snapshots the quota has room for a node's copies, however large a cluster makes them", () => {
  const quota = (kept: { sizeBytes: number }[]) => {
    const settings = kubernetesSettings.parse({ snapshotClass: "fast" });
    return specOf(
      renderPlacement(placement, blueprintOf([nodeOf("a"), nodeOf("b")]), settings, kept).shared,
      "ResourceQuota",
    ).hard;
  };
  expect(quota([])).toMatchObject({ persistentvolumeclaims: "3", "requests.storage": "22Gi" });
  // Those of a node that is wished no more are copied too.
  const size = 30 * 1024 * mebibyte;
  expect(quota([{ sizeBytes: size }, { sizeBytes: size }])).toMatchObject({
    persistentvolumeclaims: "6",
    "requests.storage": "122Gi",
  });
});

test("where a cluster does not bound pods as a whole, each program's limit counts", () => {
  const two = nodeOf("a", { processes: [main, { ...main, name: "other" }] });
  const limitOf = (podResources: boolean) =>
    specOf(render([two], { features: { podResources } }).shared, "ResourceQuota").hard["limits.memory"];
  expect(limitOf(true)).toBe(`${512 * 2 + 256}Mi`);
  expect(limitOf(false)).toBe(`${1024 * 2 + 256}Mi`);
});

test("a group is spread over machines, and drained one at a time", () => {
  const spread = [{ group: "orderers", nodes: ["a", "b"] }];
  const { shared, nodes } = render(
    [nodeOf("a"), nodeOf("b"), nodeOf("c")],
    { spread: { isRequired: true } },
    { spread },
  );
  const podOf = (name: string) => nodes.get(name)?.statefulSet.spec?.template;
  const selector = { matchLabels: { "portolan.dev/placement": "plc_1", "spread.portolan.dev/orderers": "member" } };
  for (const name of ["a", "b"]) {
    expect(podOf(name)?.metadata?.labels).toMatchObject(selector.matchLabels);
    expect(podOf(name)?.spec?.topologySpreadConstraints).toEqual([
      {
        maxSkew: 1,
        topologyKey: "kubernetes.io/hostname",
        whenUnsatisfiable: "DoNotSchedule",
        labelSelector: selector,
      },
    ]);
  }
  expect(podOf("c")?.spec).not.toHaveProperty("topologySpreadConstraints");
  expect(specOf(shared, "PodDisruptionBudget")).toMatchObject({ maxUnavailable: 1, selector });
});

test("what the cluster does not do as the blueprint asks is said", () => {
  const stopped = nodeOf("a", { processes: [{ ...main, stopSignal: "SIGINT" }] });
  expect(reasonsOf([nodeOf("a")])).toEqual([]);
  expect(reasonsOf([stopped])).toEqual(["stop_signal_unsupported"]);
  expect(reasonsOf([stopped], { features: { stopSignal: true } })).toEqual([]);
  expect(reasonsOf([nodeOf("a", { processes: [{ ...main, program: { ...main.program, image: "p:1" } }] })])).toEqual([
    "image_without_digest",
  ]);
  expect(reasonsOf([nodeOf("a", { processes: [{ ...main, env: { UP: "http://localhost:9999" } }] })])).toEqual([
    "loopback_unreachable",
  ]);
  expect(
    reasonsOf([nodeOf("a", { processes: [main, { ...main, name: "b" }] })], { features: { podResources: false } }),
  ).toEqual(["memory_not_shared"]);
});

test("a signal of its own needs the pod to say what system it is for", () => {
  const node = nodeOf("a", { processes: [{ ...main, stopSignal: "SIGINT" }] });
  const pod = render([node], { features: { stopSignal: true } }).nodes.get("a")?.statefulSet.spec?.template.spec;
  expect(pod?.os).toEqual({ name: "linux" });
  expect(pod?.containers[0]?.lifecycle).toEqual({ stopSignal: "SIGINT" });
});

test("a new renderer of the framework changes no hash by which a pod is replaced", () => {
  const hashOf = (rendererVersion: number) => render([nodeOf("a")], {}, { rendererVersion }).nodes.get("a")?.nodeHash;
  expect(hashOf(2)).toBe(hashOf(1));
});
