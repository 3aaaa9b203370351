import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { toNodeHash } from "@portolan/domain";
import { requireCluster } from "@portolan/testing";
import { type ApiProxy, openApiProxy } from "@portolan/testing/cluster";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { echoNode, newPlacement, secretNode, secrets, toBlueprint, toSpecs } from "../src/conformance/blueprints.ts";
import { converge, until } from "../src/conformance/harness.ts";
import type { KubernetesRuntime } from "../src/kubernetes/kubernetes-runtime.ts";
import type { PlacementRef } from "../src/runtime.ts";
import { type KubernetesHarness, openKubernetesHarness, toNamespace } from "./kubernetes-harness.ts";

const required = requireCluster(2);

interface Listed {
  items: { kind: string; metadata: { name: string; uid: string; resourceVersion: string; generation?: number } }[];
}

const everyKind = "statefulsets,services,configmaps,secrets,persistentvolumeclaims,networkpolicies,limitranges,pdb";

describe.skipIf(required === undefined)("what an API server may do to the driver", () => {
  let harness: KubernetesHarness;
  let proxy: ApiProxy;
  let runtime: KubernetesRuntime;
  let directory = "";
  const placements: PlacementRef[] = [];
  const abort = new AbortController();

  const openBehindProxy = (options: Parameters<KubernetesHarness["open"]>[0] = {}) =>
    harness.open({ access: { kubeconfig: proxy.kubeconfig }, requestTimeoutMs: 2_000, patienceMs: 8_000, ...options });

  const place = async (driver = runtime, ...nodes: string[]) => {
    const placement = newPlacement();
    placements.push(placement);
    const names = nodes.length === 0 ? ["echo-0"] : nodes;
    const addresses = await driver.reserve(placement, toSpecs(...names), 1n);
    return {
      placement,
      blueprint: toBlueprint(
        placement,
        names.map((name) => echoNode(addresses, name)),
      ),
      addresses,
    };
  };

  /** Which object each is, and in which version where only a writer changes that. */
  const versions = (placement: PlacementRef): string[] => {
    const restless = new Set(["StatefulSet", "PersistentVolumeClaim", "PodDisruptionBudget"]);
    const { items } = harness.read(everyKind, "-n", toNamespace(placement)) as Listed;
    return items
      .filter(({ metadata }) => metadata.name !== "kube-root-ca.crt")
      .map(({ kind, metadata: { name, uid, resourceVersion, generation } }) =>
        [kind, name, uid, restless.has(kind) ? generation : resourceVersion].join(" "),
      );
  };

  beforeAll(async () => {
    if (required === undefined) return;
    const cluster = await required.start();
    harness = await openKubernetesHarness(cluster);
    directory = await mkdtemp(join(tmpdir(), "portolan-api-proxy-"));
    proxy = await openApiProxy(cluster, directory);
    runtime = harness.open();
  });
  afterAll(async () => {
    abort.abort();
    proxy?.play(() => "pass");
    await Promise.all(placements.map((one) => runtime.destroy(one, { volumes: true, fence: 1_000n })));
    await proxy?.close();
    await harness?.close();
    await rm(directory, { recursive: true, force: true });
  });

  it("applies twice as once: no version of any object changes, and the second costs hardly a request", async () => {
    let requests = 0;
    const driver = harness.open({ onRequest: () => void requests++ });
    const { placement, blueprint } = await place(driver, "echo-0", "echo-1");
    await converge(driver, placement, blueprint, 1n);
    const before = versions(placement);
    requests = 0;
    await driver.apply(placement, blueprint, secrets, 1n);
    await driver.apply(placement, blueprint, secrets, 1n);
    // Nobody watches: the namespace and five kinds are asked for, nothing is written.
    expect(requests).toBeLessThanOrEqual(14);
    await harness.open().apply(placement, blueprint, secrets, 1n);
    expect(versions(placement)).toEqual(before);
  });

  it("asks nothing at all of a placement that is well while it watches, and sees drift", async () => {
    const stop = new AbortController();
    let requests: string[] = [];
    const driver = harness.open({ onRequest: ({ method, path }) => requests.push(`${method} ${path}`) });
    const watching = driver.watch(() => undefined, stop.signal);
    const { placement, blueprint } = await place(driver);
    await converge(driver, placement, blueprint, 1n);
    await until("a fresh cache", async () => driver.cacheAgeMs() !== undefined);
    requests = [];
    for (let turn = 0; turn < 20; turn++) {
      await driver.apply(placement, blueprint, secrets, 1n);
      expect(await driver.observe(placement)).toMatchObject({ nodes: [{ state: "running" }] });
    }
    expect(requests).toEqual([]);
    expect((await driver.observe(placement)).isUnsettled).toBeUndefined();

    const namespace = toNamespace(placement);
    harness.kubectl(["delete", "networkpolicy", "default-deny", "-n", namespace]);
    await until("drift", async () => (await driver.observe(placement)).isUnsettled);
    await driver.apply(placement, blueprint, secrets, 1n);
    expect(harness.read("networkpolicy", "default-deny", "-n", namespace)).toBeDefined();
    await until("no drift", async () => !(await driver.observe(placement)).isUnsettled);
    harness.kubectl(["scale", "statefulset", "echo-0", "--replicas=0", "-n", namespace]);
    await until("a stopped node", async () => (await driver.observe(placement)).nodes[0]?.state === "stopped");
    await converge(driver, placement, blueprint, 1n);
    stop.abort();
    await watching;
  });

  it("refuses a lower fence, also where the newer writer came between two writes", async () => {
    const { placement, blueprint } = await place();
    const newer = harness.open();
    let taken = false;
    const older = harness.open({
      checkpoint: async (name) => {
        if (taken || !name.startsWith("StatefulSet")) return;
        taken = true;
        await newer.apply(placement, blueprint, secrets, 5n);
      },
    });
    const stale = { code: "runtime.fence_stale" };
    await expect(older.apply(placement, blueprint, secrets, 4n)).rejects.toMatchObject(stale);
    const namespace = harness.read("namespace", toNamespace(placement)) as { metadata: { annotations: object } };
    expect(namespace.metadata.annotations).toMatchObject({ "portolan.dev/fence": "5" });
    await expect(older.stop(placement, 4n)).rejects.toMatchObject(stale);
  });

  it("prunes what was dropped and old secrets, never a volume", async () => {
    const { placement, addresses } = await place(runtime, "echo-0", "echo-1");
    const [zero, one] = [secretNode(addresses, "echo-0"), secretNode(addresses, "echo-1")];
    await converge(runtime, placement, toBlueprint(placement, [zero, one]), 1n);
    const of = (kind: string): string[] =>
      (harness.read(kind, "-n", toNamespace(placement)) as Listed).items.map(({ metadata }) => metadata.name);
    expect(of("secrets")).toHaveLength(2);
    const changed = { ...zero, files: zero.files.filter(({ name }) => name !== "secret.txt") };
    await converge(runtime, placement, toBlueprint(placement, [changed]), 1n);
    await until("what was dropped is gone", async () => {
      await runtime.apply(placement, toBlueprint(placement, [changed]), secrets, 1n);
      return of("secrets").length === 1 && of("statefulsets").length === 1;
    });
    expect(of("configmaps").filter((name) => name.includes("files-"))).toHaveLength(1);
    expect(of("pvc").sort()).toEqual(["echo-0.data", "echo-1.data"]);
    expect((await runtime.observe(placement)).volumes).toEqual(["echo-0/data", "echo-1/data"]);
  });

  it("waits as long as 429 asks it to, and goes on", async () => {
    const driver = openBehindProxy();
    proxy.play(({ count }) => (count === 0 ? { status: 429, headers: { "retry-after": "1" } } : "pass"));
    const startedAt = performance.now();
    const { placement, blueprint } = await place(driver);
    expect(performance.now() - startedAt).toBeGreaterThan(1_000);
    proxy.play(() => "pass");
    await converge(driver, placement, blueprint, 1n);
  });

  it("takes a 500 after the write, a lost answer and a 409 for what they are: look again, make nothing twice", async () => {
    const driver = openBehindProxy();
    proxy.play(({ method, count }) => (method !== "GET" && count === 0 ? { passThen: 500 } : "pass"));
    const { placement, blueprint } = await place(driver);
    proxy.play(({ method, count }) => (method !== "GET" && count === 0 ? { passThen: 500 } : "pass"));
    await converge(driver, placement, blueprint, 1n);
    const before = versions(placement);
    expect(new Set(before).size).toBe(before.length);
    expect((await driver.observe(placement)).nodes).toMatchObject([{ state: "running", incarnation: 1, restarts: 0 }]);
    proxy.play(({ method, count }) => (method === "PATCH" && count === 0 ? { status: 409 } : "pass"));
    const changed = toBlueprint(
      placement,
      blueprint.nodes.map((node) => ({ ...node, version: "2" })),
    );
    const [node] = await converge(driver, placement, changed, 1n);
    expect(node).toMatchObject({
      incarnation: 2,
      restarts: 0,
      appliedHash: changed.nodes[0] && toNodeHash(changed.nodes[0]),
    });
    proxy.play(({ method, count }) => (method === "DELETE" && count === 0 ? { passThen: 503 } : "pass"));
    await driver.destroy(placement, { volumes: true, fence: 1n });
    expect(await driver.observe(placement)).toEqual({ nodes: [], volumes: [] });
  });

  it("says that the region does not answer, in its time, when nothing comes back", async () => {
    const driver = openBehindProxy({ requestTimeoutMs: 300, patienceMs: 1_000 });
    proxy.play(() => "silence");
    const startedAt = performance.now();
    await expect(driver.observe(newPlacement())).rejects.toMatchObject({ code: "region.unreachable", retryable: true });
    expect(performance.now() - startedAt).toBeLessThan(4_000);
    proxy.play(() => "cut");
    await expect(driver.inventory()).rejects.toMatchObject({ code: "region.unreachable" });
    proxy.play(() => "pass");
    expect(await driver.observe(newPlacement())).toEqual({ nodes: [], volumes: [] });
  });

  it("lists again after 410, believes no list that is older than what it knows, and notices a dead watch", async () => {
    const stop = new AbortController();
    const seen: string[] = [];
    const driver = openBehindProxy({ watch: { watchSeconds: 2, slackMs: 500 } });
    proxy.play(() => "pass");
    const watching = driver.watch((id) => seen.push(id), stop.signal);
    const { placement, blueprint } = await place(driver);
    await converge(driver, placement, blueprint, 1n);
    await until("a cache", async () => driver.cacheAgeMs() !== undefined);
    const isWatch = (path: string) => path.includes("watch=true");

    const gone = { type: "ERROR", object: { kind: "Status", code: 410, reason: "Expired", message: "too old" } };
    proxy.play(({ path }) => (isWatch(path) ? { status: 200, body: gone } : "pass"));
    await until(
      "whole lists",
      async () => proxy.calls.filter(({ path }) => path.startsWith("/api/v1/pods?")).length > 2,
    );
    expect((await driver.observe(placement)).nodes).toMatchObject([{ state: "running" }]);

    // A server with a cache of its own: an empty list of long ago.
    const past = (): string => JSON.stringify({ kind: "List", metadata: { resourceVersion: "1" }, items: [] });
    proxy.play(({ path }) =>
      isWatch(path) ? { status: 410 } : path.startsWith("/api/v1/pods?") ? { rewrite: past } : "pass",
    );
    await until("old lists", async () => proxy.calls.filter(({ path }) => path.startsWith("/api/v1/pods?")).length > 2);
    expect((await driver.observe(placement)).nodes).toMatchObject([{ state: "running" }]);

    // Silent watches: they are given up after their time, and what changed meanwhile is seen.
    proxy.play(({ path, count }) => (isWatch(path) && count === 0 ? "silence" : "pass"));
    harness.kubectl(["delete", "statefulset", "echo-0", "-n", toNamespace(placement)]);
    await until("the loss", async () =>
      (await driver.observe(placement)).nodes.every(({ state }) => state !== "running"),
    );
    expect(seen).toContain(placement.placementId);
    stop.abort();
    await watching;
    expect(driver.cacheAgeMs()).toBeUndefined();
  });
});
