import type { BlueprintNode, NetworkRule } from "@portolan/domain";
import { expect, test } from "vitest";
import { kubernetesSettings } from "../settings.ts";
import { renderPolicies, toPeerNotes } from "./network.ts";

const placement = { placementId: "plc_1", chainId: "chn_1", tenantId: "ten_1", region: "here" };
const portOf = (name: string, bindNumber: number) =>
  ({ name, exposure: "internal", protocol: "tcp", bindHost: "0.0.0.0", bindNumber, host: "h", number: 1 }) as const;
const nodeOf = (name: string): BlueprintNode => ({
  name,
  role: "node",
  ordinal: 0,
  version: "1",
  processes: [],
  init: [],
  jobs: [],
  files: [],
  volumes: [],
  ports: [portOf("a", 8_000), portOf("b", 8_001)],
  userId: 1000,
  resources: { cpuMillis: 1, memoryBytes: 1 },
  startAfter: [],
});
const nodes = [nodeOf("n-0"), nodeOf("n-1"), nodeOf("n-2")];
const selected = (node: string) => ({
  podSelector: { matchLabels: { "portolan.dev/placement": "plc_1", "portolan.dev/node": node } },
});

const settings = kubernetesSettings.parse({
  gateway: [{ namespace: { name: "portolan" }, pod: { app: "gateway" } }],
  worker: [{ cidr: "10.0.0.0/8", except: ["10.1.0.0/16"] }],
  regions: { there: [{ cidr: "192.0.2.0/24" }] },
});
const inputOf = (network: readonly NetworkRule[], of = settings) => ({
  placement,
  blueprint: { nodes, network },
  settings: of,
});
const policiesOf = (network: readonly NetworkRule[], of = settings) =>
  Object.fromEntries(renderPolicies(inputOf(network, of)).map(({ metadata, spec }) => [metadata.name, spec]));

test("without rules nobody reaches anybody; only names may be asked for", () => {
  const { "default-deny": denial, ...own } = policiesOf([]);
  expect(denial).toEqual({
    podSelector: {},
    policyTypes: ["Ingress", "Egress"],
    egress: [
      {
        to: [{ namespaceSelector: { matchLabels: { "kubernetes.io/metadata.name": "kube-system" } } }],
        ports: [
          { protocol: "UDP", port: 53 },
          { protocol: "TCP", port: 53 },
          { protocol: "UDP", port: 5353 },
          { protocol: "TCP", port: 5353 },
        ],
      },
    ],
  });
  expect(Object.values(own)).toEqual(
    ["n-0", "n-1", "n-2"].map((name) => ({ ...selected(name), policyTypes: ["Ingress", "Egress"] })),
  );
});

test("a rule between nodes opens one port at the one and the way to it at the other", () => {
  const policies = policiesOf([{ from: { node: "n-1", region: "here" }, to: { node: "n-0", port: "b" } }]);
  const ports = [{ protocol: "TCP", port: 8_001 }];
  expect(policies["node.n-0"]).toEqual({
    ...selected("n-0"),
    policyTypes: ["Ingress", "Egress"],
    ingress: [{ from: [selected("n-1")], ports }],
  });
  expect(policies["node.n-1"]).toEqual({
    ...selected("n-1"),
    policyTypes: ["Ingress", "Egress"],
    egress: [{ to: [selected("n-0")], ports }],
  });
  expect(policies["node.n-2"]).not.toHaveProperty("ingress");
});

test.each([
  [
    "gateway",
    [{ namespaceSelector: { matchLabels: { name: "portolan" } }, podSelector: { matchLabels: { app: "gateway" } } }],
  ],
  ["worker", [{ ipBlock: { cidr: "10.0.0.0/8", except: ["10.1.0.0/16"] } }]],
  ["world", [{ ipBlock: { cidr: "0.0.0.0/0" } }, { ipBlock: { cidr: "::/0" } }]],
  [{ node: "x-0", region: "there" }, [{ ipBlock: { cidr: "192.0.2.0/24" } }]],
] as const)("%j is let in from where the settings say", (from, peers) => {
  const policies = policiesOf([{ from, to: { node: "n-0", port: "a" } }]);
  expect(policies["node.n-0"]?.ingress).toEqual([{ from: peers, ports: [{ protocol: "TCP", port: 8_000 }] }]);
});

test("peers that the settings don't know open nothing to anybody, and that is said", () => {
  const bare = kubernetesSettings.parse({});
  const network: NetworkRule[] = [
    { from: "gateway", to: { node: "n-0", port: "a" } },
    { from: { node: "n-1", region: "elsewhere" }, to: { node: "n-0", port: "a" } },
  ];
  expect(policiesOf(network, bare)["node.n-0"]).not.toHaveProperty("ingress");
  expect(toPeerNotes(inputOf(network, bare)).map(({ message }) => message)).toEqual([
    expect.stringContaining("the gateway"),
    expect.stringContaining("the region elsewhere"),
  ]);
});
