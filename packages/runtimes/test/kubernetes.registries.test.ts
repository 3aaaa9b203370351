import { type Blueprint, DomainError, encodeRegistryLogin, type MaterialRef, withRegistries } from "@portolan/domain";
import { requireCluster } from "@portolan/testing";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { echoNode, newPlacement, secrets, toBlueprint, toSpecs } from "../src/conformance/blueprints.ts";
import { until } from "../src/conformance/harness.ts";
import type { KubernetesRuntime } from "../src/kubernetes/kubernetes-runtime.ts";
import type { PlacementRef, SecretSource } from "../src/runtime.ts";
import { type KubernetesHarness, openKubernetesHarness, toApart, toNamespace } from "./kubernetes-harness.ts";

const required = requireCluster(2);

const image = `ghcr.io/acme/guest@sha256:${"0".repeat(64)}`;

interface SecretObject {
  type: string;
  metadata: { uid: string; labels: { [name: string]: string } };
  data: { ".dockerconfigjson": string };
}
interface Pods {
  items: { metadata: { name: string; uid: string }; spec: { imagePullSecrets?: { name: string }[] } }[];
}

/** As an app has them: `version` → password; what is not there was replaced or removed since. */
const loginsOf = (passwords: { readonly [version: number]: string }): SecretSource => ({
  ...secrets,
  secret: (ref: MaterialRef) => {
    if (!ref.material.startsWith("registry/")) return secrets.secret(ref);
    const password = passwords[ref.version];
    if (password === undefined) throw new DomainError({ code: "material.failed", message: "It is not there." });
    return encodeRegistryLogin({ username: "bob", password });
  },
});

describe.skipIf(required === undefined)("an app's credentials for registries, on an API server", () => {
  let harness: KubernetesHarness;
  let runtime: KubernetesRuntime;
  const placements: PlacementRef[] = [];

  const place = async () => {
    const placement = newPlacement();
    placements.push(placement);
    const [own, guest] = toSpecs("peer-0", "guest-0");
    const specs = [own, guest && { ...guest, isTenantCode: true as const }].flatMap((one) => one ?? []);
    const addresses = await runtime.reserve(placement, specs, 1n);
    const node = echoNode(addresses, "guest-0", { volumes: [{ name: "data", kind: "scratch", sizeBytes: 1 << 20 }] });
    const processes = node.processes.map((one) => ({ ...one, program: { ...one.program, image } }));
    const nodes = [echoNode(addresses, "peer-0"), { ...node, processes, isTenantCode: true as const }];
    return { placement, blueprint: toBlueprint(placement, nodes) };
  };

  const converge = (placement: PlacementRef, blueprint: Blueprint, source: SecretSource, driver = runtime) =>
    until("all run", async () => {
      await driver.apply(placement, blueprint, source, 1n);
      const seen = await driver.observe(placement);
      return seen.nodes.length === 2 && seen.nodes.every(({ state }) => state === "running") && seen;
    });

  const secretIn = (namespace: string) =>
    harness.read("secret", "portolan-pull", "-n", namespace) as SecretObject | undefined;
  /** What kubelet reads. */
  const authsIn = (namespace: string): unknown => {
    const text = Buffer.from(secretIn(namespace)?.data[".dockerconfigjson"] ?? "", "base64").toString("utf8");
    return (JSON.parse(text) as { auths: unknown }).auths;
  };
  const authOf = (password: string) => ({
    username: "bob",
    password,
    auth: Buffer.from(`bob:${password}`).toString("base64"),
  });
  const podsOf = (placement: PlacementRef) =>
    [toNamespace(placement), toApart(placement)].flatMap(
      (namespace) => (harness.read("pods", "-n", namespace) as Pods).items,
    );

  beforeAll(async () => {
    if (required === undefined) return;
    harness = await openKubernetesHarness(await required.start(), { isFirstWatching: true });
    runtime = harness.open();
  });
  afterAll(async () => {
    await Promise.all(placements.map((one) => runtime.destroy(one, { volumes: true, fence: 1_000n })));
    await harness?.close();
  });

  it("lays them beside tenants' code alone, follows each change in place, and starts nothing anew", async () => {
    const { placement, blueprint } = await place();
    const apart = toApart(placement);
    const source = loginsOf({ 1: "first", 2: "second" });
    expect(await converge(placement, blueprint, source)).not.toHaveProperty("registries");
    expect(authsIn(apart)).toEqual({});
    const before = podsOf(placement);
    expect(before.map(({ metadata: { name }, spec }) => [name, spec.imagePullSecrets])).toEqual([
      ["peer-0-0", undefined],
      ["guest-0-0", [{ name: "portolan-pull" }]],
    ]);

    const withVersion = (version: number) =>
      withRegistries(blueprint, [
        { host: "ghcr.io", version },
        { host: "quay.io", version },
      ]);
    for (const [version, password] of [
      [1, "first"],
      [2, "second"],
    ] as const) {
      await runtime.apply(placement, withVersion(version), source, 1n);
      expect(await runtime.observe(placement)).toMatchObject({ registries: [`ghcr.io@${version}`] });
      expect(authsIn(apart)).toEqual({ "ghcr.io": authOf(password) });
    }
    expect(secretIn(apart)).toMatchObject({
      type: "kubernetes.io/dockerconfigjson",
      metadata: { labels: { "app.kubernetes.io/managed-by": "portolan", "portolan.dev/trust": "tenant" } },
    });
    expect(secretIn(toNamespace(placement))).toBeUndefined();
    // Nothing but the Secret says it: no annotation, no manifest of a pod.
    for (const kind of ["namespace", "statefulset", "pods", "configmaps", "events"]) {
      const scope = kind === "namespace" ? [apart] : ["-n", apart];
      expect(JSON.stringify(harness.read(kind, ...scope))).not.toMatch(/second|bob|Ym9i/);
    }

    await runtime.apply(placement, blueprint, source, 1n);
    expect(authsIn(apart)).toEqual({});
    expect(await runtime.observe(placement)).not.toHaveProperty("registries");
    expect(podsOf(placement).map(({ metadata }) => metadata.uid)).toEqual(before.map(({ metadata }) => metadata.uid));
  });

  it("says that one is not laid which was replaced meanwhile; the nodes are looked after all the same", async () => {
    const { placement, blueprint } = await place();
    const wish = withRegistries(blueprint, [{ host: "ghcr.io", version: 7 }]);
    const seen = await converge(placement, wish, loginsOf({ 8: "newer" }));
    expect(seen).not.toHaveProperty("registries");
    expect(authsIn(toApart(placement))).toEqual({});
  });

  it("lays them again when somebody took them away, and takes them away itself when nothing is to run", async () => {
    const { placement, blueprint } = await place();
    const apart = toApart(placement);
    const wish = withRegistries(blueprint, [{ host: "ghcr.io", version: 1 }]);
    const source = loginsOf({ 1: "first" });
    await converge(placement, wish, source);
    harness.kubectl(["delete", "secret", "portolan-pull", "-n", apart]);
    await until("it is missed", async () => (await runtime.observe(placement)).isUnsettled === true);
    await runtime.apply(placement, wish, source, 1n);
    expect(authsIn(apart)).toEqual({ "ghcr.io": authOf("first") });

    await runtime.stop(placement, 1n);
    expect(secretIn(apart)).toBeUndefined();
    const stopped = await runtime.observe(placement);
    expect([stopped.registries, stopped.isUnsettled]).toEqual([undefined, undefined]);
    await runtime.stop(placement, 1n);
    // Another worker, which knows of nothing, goes on.
    expect(await converge(placement, wish, source, harness.open())).toMatchObject({ registries: ["ghcr.io@1"] });
    expect(authsIn(apart)).toEqual({ "ghcr.io": authOf("first") });
    await runtime.destroy(placement, { volumes: false, fence: 2n });
    expect(secretIn(apart)).toBeUndefined();
  });
});
