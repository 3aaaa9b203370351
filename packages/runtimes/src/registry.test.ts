import { resolve } from "node:path";
import { expect, test } from "vitest";
import { createRuntime, demandSettings, runtimeFromFlags } from "./registry.ts";

const digest = `@sha256:${"a".repeat(64)}`;

test("flags become the settings that a regions file has, and they can be used", () => {
  const { kind, settings } = runtimeFromFlags({
    kubeconfig: "./paris.kubeconfig",
    reach: "address",
    from: ["10.0.0.0/24"],
    fromNamespace: ["portolan"],
    image: [`ghcr.io/foundry-rs/foundry:v1.5.1=mirror.example/foundry${digest}`],
    pullSecret: "portolan/registry",
    podResources: false,
  });
  const peers = [{ cidr: "10.0.0.0/24" }, { namespace: { "kubernetes.io/metadata.name": "portolan" } }];
  expect(settings).toEqual({
    kubeconfig: resolve("paris.kubeconfig"),
    reach: "address",
    gateway: peers,
    worker: peers,
    images: [{ match: "ghcr.io/foundry-rs/foundry:v1.5.1", use: `mirror.example/foundry${digest}` }],
    pullSecret: { namespace: "portolan", name: "registry" },
    features: { podResources: false },
  });
  demandSettings(kind, settings);
});

test("no kind, two kinds, settings of neither: refused with what there is", async () => {
  expect(() => runtimeFromFlags({})).toThrow("not said");
  expect(() => runtimeFromFlags({ processes: true, inCluster: true })).toThrow("one thing only");
  expect(() => demandSettings("kubernetes", {})).toThrow("either kubeconfig or inCluster");
  expect(() => demandSettings("kubernetes", { kubeconfig: "/k", inCluster: true })).toThrow("not both");
  expect(() => demandSettings("kubernetes", { kubeconfig: "relative" })).toThrow("absolute");
  expect(() => demandSettings("process", { kubeconfig: "/k" })).toThrow("no settings of the runtime process");
  const nothing = { home: "/nowhere", clock: { now: () => new Date(0) }, log: { info: () => {}, warn: () => {} } };
  const programs = { find: () => ({ path: "/bin/true" }) };
  await expect(createRuntime("rocket", {}, { ...nothing, programs })).rejects.toMatchObject({
    message: "There is no runtime rocket.",
    hint: "There is process, kubernetes.",
  });
});
