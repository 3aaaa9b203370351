import { requireCluster, type TestCluster } from "@portolan/testing";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { accessOf } from "./access-of.ts";
import { type ClusterApi, createClusterApi } from "./api.ts";

const required = requireCluster(2);
const namespace = `level-2-${process.pid}`;
const core = `/api/v1/namespaces/${namespace}`;
const apps = `/apis/apps/v1/namespaces/${namespace}`;

const statefulSet = (name: string, storageClassName: string) => ({
  apiVersion: "apps/v1",
  kind: "StatefulSet",
  metadata: { name },
  spec: {
    replicas: 2,
    podManagementPolicy: "Parallel",
    serviceName: name,
    selector: { matchLabels: { of: name } },
    template: {
      metadata: { labels: { of: name } },
      spec: {
        initContainers: [{ name: "first", image: "nothing/first:1" }],
        containers: [{ name: "main", image: "nothing/main:1", volumeMounts: [{ name: "data", mountPath: "/data" }] }],
      },
    },
    volumeClaimTemplates: [
      {
        metadata: { name: "data" },
        spec: { accessModes: ["ReadWriteOnce"], storageClassName, resources: { requests: { storage: "1Gi" } } },
      },
    ],
  },
});

describe.skipIf(required === undefined)("level 2: controllers and simulated nodes", () => {
  let cluster: TestCluster;
  let api: ClusterApi;
  beforeAll(async () => {
    if (required === undefined) return;
    cluster = await required.start();
    api = createClusterApi(accessOf(cluster));
    await api.call("POST", "/api/v1/namespaces", { metadata: { name: namespace } });
  });
  afterAll(async () => {
    await api?.call("DELETE", `/api/v1/namespaces/${namespace}`);
    api?.close();
  });

  it("makes a StatefulSet ready, its claims bound", async () => {
    await api.call("POST", `${apps}/statefulsets`, statefulSet("ready", cluster.storageClasses.node));
    await expect
      .poll(() => api.call("GET", `${apps}/statefulsets/ready`), { timeout: 30_000 })
      .toMatchObject({ status: { readyReplicas: 2 } });
    expect(await api.call("GET", `${core}/persistentvolumeclaims/data-ready-1`)).toMatchObject({
      status: { phase: "Bound", capacity: { storage: "1Gi" } },
    });
  });

  it("grows a claim where its class can, and refuses where it cannot", async () => {
    await api.call("POST", `${apps}/statefulsets`, statefulSet("fixed", cluster.storageClasses.fixed));
    const merge = "application/merge-patch+json";
    const larger = { spec: { resources: { requests: { storage: "2Gi" } } } };
    const grown = `${core}/persistentvolumeclaims/data-ready-0`;
    await api.call("PATCH", grown, larger, merge);
    await expect
      .poll(() => api.call("GET", grown), { timeout: 10_000 })
      .toMatchObject({ status: { capacity: { storage: "2Gi" } } });
    const fixed = `${core}/persistentvolumeclaims/data-fixed-0`;
    await expect
      .poll(() => api.call("GET", fixed).catch(() => undefined), { timeout: 30_000 })
      .toMatchObject({ status: { phase: "Bound" } });
    await expect(api.call("PATCH", fixed, larger, merge)).rejects.toMatchObject({ status: 403 });
  });

  it("removes a claim's volume with the claim", async () => {
    await api.call("DELETE", `${apps}/statefulsets/ready`);
    await api.call("DELETE", `${core}/persistentvolumeclaims/data-ready-0`);
    const volumes = async (): Promise<string[]> => {
      const list = await api.call<{ items: { spec: { claimRef: { name: string; namespace: string } } }[] }>(
        "GET",
        "/api/v1/persistentvolumes",
      );
      const own = list.items.filter(({ spec }) => spec.claimRef.namespace === namespace);
      return own.map(({ spec }) => spec.claimRef.name);
    };
    await expect.poll(volumes, { timeout: 20_000 }).not.toContain("data-ready-0");
    expect(await volumes()).toContain("data-ready-1");
  });

  it("has as many simulated nodes as are asked for, and they stay ready", async () => {
    const names = await cluster.addSimulatedNodes(2);
    expect(names).toHaveLength(2);
    expect(await api.call("GET", `/api/v1/nodes/${names[1]}`)).toMatchObject({ metadata: { name: names[1] } });
    await expect(cluster.stopNode("simulated-0")).rejects.toThrow("cannot stopNode");
  });
});
