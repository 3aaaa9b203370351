import path from "node:path";
import { requireCluster } from "@portolan/testing";
import { afterAll, describe, expect, it } from "vitest";
import { until } from "../src/conformance/harness.ts";
import type { Seen } from "./inside-cluster.ts";
import { type KubernetesHarness, nodeImage, openKubernetesHarness } from "./kubernetes-harness.ts";

const required = requireCluster(3);
const root = path.resolve(import.meta.dirname, "../../..");
const name = `portolan-inside-${process.pid}`;
const repository = { name: "repository", hostPath: { path: root, type: "Directory" } };

/** The account of deploy/kubernetes/rbac.yaml, in a namespace of this test's. */
const account = [
  { apiVersion: "v1", kind: "Namespace", metadata: { name } },
  { apiVersion: "v1", kind: "ServiceAccount", metadata: { name: "worker", namespace: name } },
  {
    apiVersion: "rbac.authorization.k8s.io/v1",
    kind: "ClusterRoleBinding",
    metadata: { name },
    roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: "portolan-worker" },
    subjects: [{ kind: "ServiceAccount", name: "worker", namespace: name }],
  },
];

describe.skipIf(required === undefined)("a worker that is a pod of its cluster", () => {
  let harness: KubernetesHarness | undefined;
  afterAll(async () => {
    harness?.kubectl(["delete", "clusterrolebinding", name, "--ignore-not-found"]);
    harness?.kubectl(["delete", "namespace", name, "--ignore-not-found", "--wait=false"]);
    await harness?.close();
  }, 60_000);

  it("finds the cluster by its service account, brings a node up there, and dials it by its service's name", async () => {
    if (required === undefined) return;
    const cluster = await required.start();
    harness = await openKubernetesHarness(cluster);
    const image = await cluster.makeImage({
      ...{ name: "node", tag: "24", programs: [process.execPath], entrypoint: ["node"] },
    });
    harness.kubectl(["apply", "-f", path.join(root, "deploy/kubernetes/rbac.yaml")]);
    for (const object of account) harness.kubectl(["apply", "-f", "-"], object);
    const from = [{ namespace: { "kubernetes.io/metadata.name": name } }];
    const wish = {
      settings: {
        ...{ reach: "dns", gateway: from, worker: from, storageClass: cluster.storageClasses.node },
        images: [{ match: nodeImage, use: image.digestReference }],
      },
      toolsImage: nodeImage,
    };
    harness.kubectl(["apply", "-f", "-"], {
      apiVersion: "v1",
      kind: "Pod",
      metadata: { name: "worker", namespace: name },
      spec: {
        serviceAccountName: "worker",
        restartPolicy: "Never",
        containers: [
          {
            name: "worker",
            image: image.digestReference,
            command: ["node", path.join(import.meta.dirname, "inside-cluster.ts"), JSON.stringify(wish)],
            volumeMounts: [{ name: "repository", mountPath: root, readOnly: true }],
          },
        ],
        volumes: [repository],
      },
    });
    const phase = () =>
      (harness?.read("pod", "worker", "-n", name) as { status: { phase?: string } } | undefined)?.status.phase ?? "";
    await until("its end", async () => ["Succeeded", "Failed"].includes(phase()));
    const said = harness.kubectl(["logs", "worker", "-n", name]);
    expect(phase(), said).toBe("Succeeded");
    const seen = JSON.parse(said.trim().split("\n").at(-1) ?? "") as Seen;
    expect(seen.findings.filter(({ state }) => state === "wrong")).toEqual([]);
    expect(seen.findings.map(({ check }) => check)).toEqual(
      expect.arrayContaining(["rights", "network", "names", "reach"]),
    );
    expect(seen).toMatchObject({ host: expect.stringMatching(/^echo-0\.p-plc-.*\.svc\.cluster\.local$/), status: 200 });
    expect(seen.left).toBe(0);
  });
});
