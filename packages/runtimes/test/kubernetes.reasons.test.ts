import { createServer, type Server } from "node:https";
import type { AddressInfo } from "node:net";
import type { BlueprintNode } from "@portolan/domain";
import { requireCluster } from "@portolan/testing";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { echoNode, newPlacement, secrets, toBlueprint, toSpecs } from "../src/conformance/blueprints.ts";
import { converge, until } from "../src/conformance/harness.ts";
import type { KubernetesRuntime } from "../src/kubernetes/kubernetes-runtime.ts";
import type { PlacementRef } from "../src/runtime.ts";
import { type KubernetesHarness, openKubernetesHarness, toNamespace } from "./kubernetes-harness.ts";
import { makeSelfSigned } from "./self-signed.ts";

const required = requireCluster(2);

describe.skipIf(required === undefined)("why a node does not come up in a cluster", () => {
  let harness: KubernetesHarness;
  let runtime: KubernetesRuntime;
  const placements: PlacementRef[] = [];

  const place = async (driver = runtime, change: (node: BlueprintNode) => BlueprintNode = (node) => node) => {
    const placement = newPlacement();
    placements.push(placement);
    const addresses = await driver.reserve(placement, toSpecs("echo-0"), 1n);
    const blueprint = toBlueprint(placement, [change(echoNode(addresses, "echo-0"))]);
    return { placement, blueprint, addresses, namespace: toNamespace(placement) };
  };

  /** Applies, as a reconciler does, until the node has this reason. */
  const reasonOf = (
    driver: KubernetesRuntime,
    { placement, blueprint }: Awaited<ReturnType<typeof place>>,
    reason: string,
  ) =>
    until(reason, async () => {
      await driver.apply(placement, blueprint, secrets, 1n);
      const [node] = (await driver.observe(placement)).nodes;
      return node?.reason === reason && node;
    });

  beforeAll(async () => {
    if (required === undefined) return;
    harness = await openKubernetesHarness(await required.start());
    runtime = harness.open();
  });
  afterAll(async () => {
    await Promise.all(placements.map((one) => runtime.destroy(one, { volumes: true, fence: 1_000n })));
    await harness?.close();
  });

  it("names a quota that refuses the pod, and comes up once it is raised", async () => {
    const scene = await place();
    const quota = {
      apiVersion: "v1",
      kind: "ResourceQuota",
      metadata: { name: "tight", namespace: scene.namespace },
      spec: { hard: { pods: "0" } },
    };
    harness.kubectl(["apply", "-f", "-"], quota);
    expect(await reasonOf(runtime, scene, "quota_exceeded")).toMatchObject({
      state: "failed",
      message: expect.stringContaining("tight"),
      hint: expect.stringContaining("quota"),
    });
    harness.kubectl(["delete", "quota", "tight", "-n", scene.namespace]);
    await converge(runtime, scene.placement, scene.blueprint, 1n);
  });

  it("names a quota that refuses one of the node's objects; the other nodes go on", async () => {
    const placement = newPlacement();
    placements.push(placement);
    const addresses = await runtime.reserve(placement, toSpecs("echo-0", "echo-1"), 1n);
    const [zero, one] = [echoNode(addresses, "echo-0"), echoNode(addresses, "echo-1")];
    await converge(runtime, placement, toBlueprint(placement, [zero]), 1n);
    const namespace = toNamespace(placement);
    const quota = {
      apiVersion: "v1",
      kind: "ResourceQuota",
      metadata: { name: "claims", namespace },
      spec: { hard: { persistentvolumeclaims: "1" } },
    };
    harness.kubectl(["apply", "-f", "-"], quota);
    await until("the quota's status", async () => {
      const found = harness.read("quota", "claims", "-n", namespace) as { status?: { used?: object } };
      return Object.keys(found.status?.used ?? {}).length > 0;
    });
    const both = toBlueprint(placement, [zero, one]);
    const nodes = await until("a refusal", async () => {
      await runtime.apply(placement, both, secrets, 1n);
      const seen = (await runtime.observe(placement)).nodes;
      return seen[1]?.reason === "quota_exceeded" && seen;
    });
    expect(nodes).toMatchObject([{ state: "running" }, { state: "failed", hint: expect.any(String) }]);
    harness.kubectl(["delete", "quota", "claims", "-n", namespace]);
    await converge(runtime, placement, both, 1n);
  });

  it("names an admission webhook that refuses, and one that does not answer", async () => {
    const { key, cert } = await makeSelfSigned({ hosts: ["127.0.0.1"] });
    const server: Server = createServer({ key, cert }, (incoming, outgoing) => {
      const pieces: Buffer[] = [];
      incoming.on("data", (piece: Buffer) => pieces.push(piece));
      incoming.on("end", () => {
        const { request } = JSON.parse(Buffer.concat(pieces).toString("utf8")) as { request: { uid: string } };
        const response = { uid: request.uid, allowed: false, status: { message: "not here", code: 403 } };
        outgoing.writeHead(200, { "content-type": "application/json" });
        outgoing.end(JSON.stringify({ apiVersion: "admission.k8s.io/v1", kind: "AdmissionReview", response }));
      });
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const scene = await place();
    const name = `refuses-${scene.namespace}`;
    const configuration = {
      apiVersion: "admissionregistration.k8s.io/v1",
      kind: "ValidatingWebhookConfiguration",
      metadata: { name },
      webhooks: [
        {
          name: "policy.example.com",
          admissionReviewVersions: ["v1"],
          sideEffects: "None",
          failurePolicy: "Fail",
          timeoutSeconds: 2,
          namespaceSelector: { matchLabels: { "kubernetes.io/metadata.name": scene.namespace } },
          rules: [
            { apiGroups: ["apps"], apiVersions: ["v1"], operations: ["CREATE", "UPDATE"], resources: ["statefulsets"] },
          ],
          clientConfig: {
            url: `https://127.0.0.1:${(server.address() as AddressInfo).port}/`,
            caBundle: Buffer.from(cert).toString("base64"),
          },
        },
      ],
    };
    try {
      harness.kubectl(["apply", "-f", "-"], configuration);
      expect(await reasonOf(runtime, scene, "admission_refused")).toMatchObject({
        state: "failed",
        message: expect.stringContaining("policy.example.com"),
        hint: expect.any(String),
      });
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      expect(await reasonOf(runtime, scene, "admission_unavailable")).toMatchObject({
        message: expect.stringContaining("policy.example.com"),
      });
    } finally {
      harness.kubectl(["delete", "validatingwebhookconfiguration", name]);
      server.close();
    }
    await converge(runtime, scene.placement, scene.blueprint, 1n);
  });

  it("says that no machine has room, or may take it", async () => {
    const huge = await place(runtime, (node) => ({ ...node, resources: { ...node.resources, cpuMillis: 5_000_000 } }));
    expect(await reasonOf(runtime, huge, "unschedulable")).toMatchObject({
      state: "failed",
      message: expect.stringContaining("cpu"),
      hint: expect.stringContaining("machine"),
    });
    const picky = harness.open({ settings: { nodeSelector: { "example.com/none": "yes" } } });
    const scene = await place(picky);
    expect(await reasonOf(picky, scene, "unschedulable")).toMatchObject({ hint: expect.stringContaining("selectors") });
  });

  it("says that a volume is not bound, with its class", async () => {
    const driver = harness.open({ settings: { storageClass: "not-there" } });
    const scene = await place(driver);
    expect(await reasonOf(driver, scene, "volume_unbound")).toMatchObject({
      state: "failed",
      message: expect.stringContaining("not-there"),
      hint: expect.stringMatching(/class/),
    });
  });

  it("refuses to make a volume larger whose class can't, and makes it so where it can", async () => {
    const { storageClasses } = (await required?.start()) ?? { storageClasses: { fixed: "", node: "" } };
    const larger = (node: BlueprintNode): BlueprintNode => ({
      ...node,
      volumes: node.volumes.map((volume) => ({ ...volume, sizeBytes: volume.sizeBytes * 4 })),
    });
    const fixed = harness.open({ settings: { storageClass: storageClasses.fixed } });
    expect(await fixed.learn()).toMatchObject({ hasStorageExpansion: false, isolation: "namespace" });
    const scene = await place(fixed);
    const [before] = await converge(fixed, scene.placement, scene.blueprint, 1n);
    const wish = toBlueprint(scene.placement, scene.blueprint.nodes.map(larger));
    const held = await reasonOf(fixed, { ...scene, blueprint: wish }, "storage_fixed");
    // It runs on as it was, processors and memory too, and is itself again once it is wished as before.
    expect(held).toMatchObject({
      ...{ state: "running", appliedHash: before?.appliedHash, incarnation: before?.incarnation },
      hint: expect.stringContaining(storageClasses.fixed),
    });
    const [again] = await converge(fixed, scene.placement, scene.blueprint, 1n);
    expect(again).not.toHaveProperty("reason");
    expect(again?.incarnation).toBe(before?.incarnation);
    expect(await runtime.learn()).toMatchObject({ hasStorageExpansion: true });
    const other = await place();
    await converge(runtime, other.placement, other.blueprint, 1n);
    await converge(runtime, other.placement, toBlueprint(other.placement, other.blueprint.nodes.map(larger)), 1n);
    const claim = harness.read("pvc", "echo-0.data", "-n", other.namespace);
    expect(claim).toMatchObject({ spec: { resources: { requests: { storage: "4Mi" } } } });
  });

  it("says what holds a namespace that does not go, and ends once it is let go", async () => {
    const impatient = harness.open({ endWaitMs: 1_500 });
    const scene = await place(impatient);
    await converge(impatient, scene.placement, scene.blueprint, 1n);
    const held = {
      apiVersion: "v1",
      kind: "ConfigMap",
      metadata: { name: "held", namespace: scene.namespace, finalizers: ["example.com/holds"] },
    };
    harness.kubectl(["apply", "-f", "-"], held);
    const terminating = { code: "runtime.failed", retryable: true, message: expect.stringContaining("being removed") };
    const end = () => impatient.destroy(scene.placement, { volumes: true, fence: 1n });
    await expect(end()).rejects.toMatchObject(terminating);
    const words = await until("the finalizer's name", async () => {
      const failure = await end().then(
        () => undefined,
        (error: unknown) => error as Error & { hint?: string },
      );
      return failure?.message.includes("example.com/holds") && failure;
    });
    expect(words.hint).toContain(scene.namespace);
    await expect(impatient.apply(scene.placement, scene.blueprint, secrets, 1n)).rejects.toMatchObject(terminating);
    harness.kubectl([
      "patch",
      "configmap",
      "held",
      "-n",
      scene.namespace,
      "--type=json",
      "-p",
      '[{"op":"remove","path":"/metadata/finalizers"}]',
    ]);
    await until("its end", () =>
      end()
        .then(() => true)
        .catch(() => false),
    );
    expect(await impatient.observe(scene.placement)).toEqual({ nodes: [], volumes: [] });
  });
});
