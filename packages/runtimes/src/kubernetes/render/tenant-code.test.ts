import type { Blueprint, BlueprintNode } from "@portolan/domain";
import { describe, expect, test } from "vitest";
import { kubernetesSettings } from "../settings.ts";
import { beside, nodesIn, toNamespaceName } from "../space.ts";
import { renderPlacement } from "./placement.ts";

const placement = {
  placementId: "plc_01jd0000000000000000000001",
  chainId: "chn_01jd0000000000000000000001",
  tenantId: "ten_01jd0000000000000000000001",
  region: "here",
};
const own = "p-plc-01jd0000000000000000000001";
const image = `ghcr.io/acme/assets:1@sha256:${"0".repeat(64)}`;
const settings = kubernetesSettings.parse({
  mirror: "mirror.example",
  images: [{ match: image, use: "operators.example/private:1" }],
  pullSecret: { namespace: "portolan", name: "registry" },
  podSecurity: "privileged",
});

const nodeOf = (name: string, change: Partial<BlueprintNode> = {}): BlueprintNode => ({
  name,
  role: "node",
  ordinal: 0,
  version: "1",
  processes: [
    {
      name: "main",
      program: { name: "server", version: "1", image, isEntrypoint: true },
      args: [],
      env: {},
      after: [],
      stopSignal: "SIGTERM",
      stopGraceMs: 1_000,
    },
  ],
  init: [],
  jobs: [],
  files: [],
  volumes: [],
  ports: [
    {
      name: "grpc",
      exposure: "internal",
      protocol: "grpc",
      bindHost: "0.0.0.0",
      bindNumber: 8_000,
      host: "h",
      number: 1,
    },
  ],
  userId: 1000,
  resources: { cpuMillis: 100, memoryBytes: 1 << 20 },
  startAfter: [],
  ...change,
});

const blueprintOf = (guest: BlueprintNode): Blueprint => ({
  chainId: placement.chainId,
  placementId: placement.placementId,
  framework: "fake",
  rendererVersion: 1,
  nodes: [nodeOf("peer-0"), nodeOf("peer-1"), guest],
  network: [{ from: { node: "peer-0", region: "here" }, to: { node: "guest-0", port: "grpc" } }],
  spread: [{ group: "all", nodes: ["peer-0", "peer-1", "guest-0"] }],
});

const render = (change: Partial<BlueprintNode> = {}) => {
  const blueprint = blueprintOf(nodeOf("guest-0", { isTenantCode: true, ...change }));
  return {
    main: renderPlacement(placement, blueprint, settings),
    apart: renderPlacement(beside(placement), blueprint, settings),
  };
};
const specOf = (rendered: ReturnType<typeof renderPlacement>, name: string) =>
  (rendered.shared.find(({ metadata }) => metadata.name === name) as { spec?: object } | undefined)?.spec;

describe("code that a tenant brings", () => {
  const { main, apart } = render();

  test("stands in a namespace of its own, with quota, limits and policies of its own, always restricted", () => {
    expect(toNamespaceName(beside(placement))).toBe(`${own}-t`);
    expect([...main.nodes.keys()]).toEqual(["peer-0", "peer-1"]);
    expect([...apart.nodes.keys()]).toEqual(["guest-0"]);
    expect(main.namespace.metadata.labels["pod-security.kubernetes.io/enforce"]).toBe("privileged");
    expect(apart.namespace.metadata).toMatchObject({
      name: `${own}-t`,
      labels: { "pod-security.kubernetes.io/enforce": "restricted", "portolan.dev/trust": "tenant" },
    });
    expect(apart.shared.map(({ kind, metadata }) => `${kind}/${metadata.name}`)).toEqual([
      "ResourceQuota/portolan",
      "LimitRange/portolan",
      "NetworkPolicy/default-deny",
      "NetworkPolicy/node.guest-0",
      "PodDisruptionBudget/spread.all",
    ]);
    const objects = [apart.namespace, ...apart.shared, ...[...apart.nodes.values()].map((node) => node.statefulSet)];
    for (const { kind, metadata } of objects.slice(1)) expect([kind, metadata.namespace]).toEqual([kind, `${own}-t`]);
    expect(JSON.stringify(main)).not.toContain("portolan.dev/trust");
    // One node and one more, and the copying pod: nothing of the others' room.
    expect(specOf(apart, "portolan")).toMatchObject({ hard: { pods: "3", persistentvolumeclaims: "0" } });
  });

  test("is let in to by those who dial it, across the two, and goes nowhere", () => {
    const pods = (node: string) => ({ "portolan.dev/placement": placement.placementId, "portolan.dev/node": node });
    const ports = [{ protocol: "TCP", port: 8_000 }];
    const inNamespace = (name: string) => ({ matchLabels: { "kubernetes.io/metadata.name": name } });
    expect(specOf(apart, "node.guest-0")).toEqual({
      podSelector: { matchLabels: pods("guest-0") },
      policyTypes: ["Ingress", "Egress"],
      ingress: [
        { from: [{ namespaceSelector: inNamespace(own), podSelector: { matchLabels: pods("peer-0") } }], ports },
      ],
    });
    expect(specOf(main, "node.peer-0")).toMatchObject({
      egress: [
        { to: [{ namespaceSelector: inNamespace(`${own}-t`), podSelector: { matchLabels: pods("guest-0") } }], ports },
      ],
    });
    expect(specOf(main, "node.peer-1")).not.toHaveProperty("egress");
  });

  test("has its image from where it says, asked each time, with the app's credentials and not the operator's", () => {
    const pod = apart.nodes.get("guest-0")?.statefulSet.spec?.template.spec;
    const [container] = pod?.containers ?? [];
    expect(container).toMatchObject({ image, imagePullPolicy: "Always" });
    expect(container).not.toHaveProperty("command");
    expect(pod).toMatchObject({ imagePullSecrets: [{ name: "portolan-pull" }], automountServiceAccountToken: false });
    const operators = main.nodes.get("peer-0")?.statefulSet.spec?.template.spec?.containers[0];
    expect(operators).toMatchObject({ image: "operators.example/private:1", imagePullPolicy: "IfNotPresent" });
  });

  test.each([
    [
      "a tag alone",
      { processes: [{ ...nodeOf("x").processes[0], program: { name: "s", version: "1", image: "ghcr.io/a:1" } }] },
    ],
    ["a data volume", { volumes: [{ name: "data", kind: "data", sizeBytes: 1 }] }],
  ])("is refused with %s", (_what, change) => {
    expect(() => render(change as Partial<BlueprintNode>)).toThrow(/guest-0/);
  });

  test("is in one of the two, whatever is asked first", () => {
    const nodes = [{ name: "a" }, { name: "b", isTenantCode: true as const }];
    expect(nodesIn(placement, nodes)).toEqual([{ name: "a" }]);
    expect(nodesIn(beside(placement), nodes)).toEqual([nodes[1]]);
  });
});
