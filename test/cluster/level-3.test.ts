import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { promisify } from "node:util";
import { requireCluster, type TestCluster } from "@portolan/testing";
import { type ClusterImage, echoImage } from "@portolan/testing/cluster";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { accessOf } from "./access-of.ts";
import { type ClusterApi, createClusterApi } from "./api.ts";

const required = requireCluster(3);
const run = promisify(execFile);
const namespace = "real";
const core = `/api/v1/namespaces/${namespace}`;
const apps = `/apis/apps/v1/namespaces/${namespace}`;
const policies = `/apis/networking.k8s.io/v1/namespaces/${namespace}/networkpolicies`;

interface Pod {
  metadata: { name: string; uid: string; deletionTimestamp?: string };
  spec: { nodeName?: string };
  status?: {
    podIP?: string;
    conditions?: { type: string; status: string }[];
    containerStatuses?: { state?: { waiting?: { reason: string } } }[];
  };
}

const isReady = (pod: Pod | undefined): boolean =>
  pod?.metadata.deletionTimestamp === undefined &&
  (pod?.status?.conditions ?? []).some(({ type, status }) => type === "Ready" && status === "True");

describe.skipIf(required === undefined)("level 3: real nodes", () => {
  let cluster: TestCluster;
  let api: ClusterApi;
  let echo: ClusterImage;

  const podSpec = (image: string, extra: object = {}) => ({
    terminationGracePeriodSeconds: 1,
    containers: [
      { name: "main", image, readinessProbe: { httpGet: { path: "/", port: 8080 }, periodSeconds: 1 }, ...extra },
    ],
  });
  const statefulSet = (name: string, storageClassName: string, node?: string) => ({
    metadata: { name },
    spec: {
      replicas: 1,
      serviceName: name,
      selector: { matchLabels: { of: name } },
      template: {
        metadata: { labels: { of: name } },
        spec: {
          securityContext: { fsGroup: 65_532 },
          ...(node === undefined ? {} : { affinity: preferring(node) }),
          ...podSpec(echo.reference, { volumeMounts: [{ name: "data", mountPath: "/data" }] }),
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
  const preferring = (node: string) => ({
    nodeAffinity: {
      preferredDuringSchedulingIgnoredDuringExecution: [
        {
          weight: 100,
          preference: { matchExpressions: [{ key: "kubernetes.io/hostname", operator: "In", values: [node] }] },
        },
      ],
    },
  });
  const get = (name: string): Promise<Pod | undefined> =>
    api.call<Pod>("GET", `${core}/pods/${name}`).catch(() => undefined);
  const untilReady = async (name: string, seconds = 60): Promise<Pod> => {
    await expect.poll(async () => isReady(await get(name)), { timeout: seconds * 1_000 }).toBe(true);
    return (await get(name)) as Pod;
  };
  const startPod = async (name: string, image: string, extra: object = {}): Promise<Pod> => {
    await api.call("POST", `${core}/pods`, {
      metadata: { name, labels: { app: name } },
      spec: { ...podSpec(image), ...extra },
    });
    return await untilReady(name);
  };
  const ask = async (pod: Pod, path: string, body?: string): Promise<Record<string, unknown>> => {
    const init = body === undefined ? {} : { method: "POST", body };
    const answer = await fetch(`http://${pod.status?.podIP}:8080${path}`, {
      ...init,
      signal: AbortSignal.timeout(5_000),
    });
    return (await answer.json()) as Record<string, unknown>;
  };
  const kubectl = async (...args: string[]): Promise<string> => {
    const own = ["--kubeconfig", cluster.adminKubeconfigPath, "--namespace", namespace];
    return (await run(cluster.kubectl, [...own, ...args])).stdout;
  };

  beforeAll(async () => {
    if (required === undefined) return;
    cluster = await required.start({ own: true, nodes: 2 });
    api = createClusterApi(accessOf(cluster));
    await api.call("POST", "/api/v1/namespaces", { metadata: { name: namespace } });
    await vi.waitFor(() => api.call("GET", `${core}/serviceaccounts/default`), { timeout: 10_000 });
    echo = await cluster.makeImage(echoImage());
  });
  afterAll(async () => {
    api?.close();
    await cluster?.close();
  });

  it("runs pods with volumes of their own on both nodes, whose names resolve", async () => {
    const { nodes, storageClasses } = cluster;
    for (const [index, node] of nodes.entries()) {
      await api.call("POST", `${apps}/statefulsets`, statefulSet(`on-${index}`, storageClasses.node, node.name));
    }
    const pods = [await untilReady("on-0-0"), await untilReady("on-1-0")];
    expect(pods.map((pod) => pod.spec.nodeName)).toEqual(nodes.map((node) => node.name));
    const [first, second] = pods as [Pod, Pod];
    expect(await ask(first, "/file?path=/data/kept", "written")).toEqual({ text: "written" });
    // From one node's pod to the other's, and the names of both the API and a service.
    expect(await ask(first, `/connect?host=${second.status?.podIP}&port=8080`)).toEqual({ connected: true });
    const spec = { selector: { of: "on-1" }, ports: [{ port: 80, targetPort: 8080 }] };
    const service = await api.call<{ spec: { clusterIP: string } }>("POST", `${core}/services`, {
      metadata: { name: "second" },
      spec,
    });
    const name = `second.${namespace}.svc.cluster.local`;
    await expect.poll(() => ask(first, `/resolve?name=${name}`)).toMatchObject({ address: service.spec.clusterIP });
    await expect.poll(() => ask(first, `/connect?host=${name}&port=80`)).toEqual({ connected: true });
    // And this machine to the service, through a node.
    const answer = await (await fetch(`http://${service.spec.clusterIP}/`)).json();
    expect(answer).toMatchObject({ pod: "on-1-0" });
  });

  it("shows logs, executes and forwards a port through the API server", async () => {
    expect(await kubectl("logs", "on-1-0")).toContain("listening on 8080");
    expect(await kubectl("exec", "on-1-0", "--", "node", "-p", "require('os').hostname()")).toBe("on-1-0\n");
    const own = ["--kubeconfig", cluster.adminKubeconfigPath, "--namespace", namespace];
    const forward = spawn(cluster.kubectl, [...own, "port-forward", "pod/on-1-0", ":8080"], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    try {
      const [said] = await once(forward.stdout.setEncoding("utf8"), "data");
      const port = /127\.0\.0\.1:(\d+)/.exec(String(said))?.[1];
      expect(await (await fetch(`http://127.0.0.1:${port}/`)).json()).toMatchObject({ pod: "on-1-0" });
    } finally {
      forward.kill();
    }
  });

  it("refuses what no policy allows, across nodes and on one, and lets through what one does", async () => {
    const on = (node: number) => ({ nodeName: cluster.nodes[node]?.name });
    const server = await startPod("server", echo.reference, on(0));
    const [near, far] = [await startPod("near", echo.reference, on(0)), await startPod("far", echo.reference, on(1))];
    const reach = (pod: Pod) => ask(pod, `/connect?host=${server.status?.podIP}&port=8080`);
    for (const pod of [near, far]) expect(await reach(pod)).toEqual({ connected: true });
    const policy = (name: string, ingress: object[]) => ({
      metadata: { name },
      spec: { podSelector: { matchLabels: { app: "server" } }, policyTypes: ["Ingress"], ingress },
    });
    await api.call("POST", policies, policy("nothing", []));
    const refused = { connected: false, reason: "timeout" };
    await expect.poll(() => reach(near)).toEqual(refused);
    await expect.poll(() => reach(far)).toEqual(refused);
    await expect(ask(server, "/")).rejects.toThrow();
    // The kubelet's probes still pass.
    expect(isReady(await get("server"))).toBe(true);
    const from = [
      { podSelector: { matchLabels: { app: "far" } } },
      { ipBlock: { cidr: `${cluster.network?.machine}/32` } },
    ];
    await api.call("POST", policies, policy("far", [{ from, ports: [{ port: 8080 }] }]));
    await expect.poll(() => reach(far)).toEqual({ connected: true });
    expect(await reach(near)).toEqual(refused);
    expect(await ask(server, "/")).toMatchObject({ from: cluster.network?.machine });
  });

  it("pulls by digest from a registry, and from a closed one only with its password", async () => {
    const image = await cluster.makeImage({ ...echoImage("pulled"), environment: { WHAT: "pulled" } });
    const pushed = await cluster.pushImage(image, "team/echo", "1");
    await startPod("open", pushed.open);
    const { closed = "", user = "", password = "" } = cluster.registry ?? {};
    const auth = Buffer.from(`${user}:${password}`).toString("base64");
    const file = Buffer.from(JSON.stringify({ auths: { [closed]: { auth } } })).toString("base64");
    const type = "kubernetes.io/dockerconfigjson";
    await api.call("POST", `${core}/secrets`, {
      metadata: { name: "pull" },
      type,
      data: { ".dockerconfigjson": file },
    });
    await startPod("with-password", pushed.closed, { imagePullSecrets: [{ name: "pull" }] });
    const without = { metadata: { name: "without" }, spec: podSpec(pushed.closed.replace("team/echo", "team/other")) };
    await api.call("POST", `${core}/pods`, without);
    await expect
      .poll(async () => (await get("without"))?.status?.containerStatuses?.[0]?.state?.waiting?.reason, {
        timeout: 30_000,
      })
      .toMatch(/ErrImagePull|ImagePullBackOff/);
  });

  it("moves a killed node's pods where they may go, and has the others back with the node", async () => {
    const [, dying] = cluster.nodes;
    const name = dying?.name ?? "";
    await api.call("POST", `${apps}/statefulsets`, statefulSet("moves", cluster.storageClasses.anywhere, name));
    const before = await untilReady("moves-0");
    expect(before.spec.nodeName).toBe(name);
    await ask(before, "/file?path=/data/kept", "from the dead");
    await cluster.stopNode(name);
    const taint = { key: "node.kubernetes.io/out-of-service", value: "nodeshutdown", effect: "NoExecute" };
    const isGone = async (): Promise<boolean> => (await get("moves-0"))?.metadata.deletionTimestamp !== undefined;
    await expect.poll(isGone, { timeout: 40_000 }).toBe(true);
    // The cluster cannot know that the node is dead and not only silent; whoever does says so.
    await kubectl("taint", "node", name, `${taint.key}=${taint.value}:${taint.effect}`);
    await expect
      .poll(async () => (await get("moves-0"))?.metadata.uid !== before.metadata.uid && isReady(await get("moves-0")), {
        timeout: 60_000,
      })
      .toBe(true);
    const after = (await get("moves-0")) as Pod;
    expect(after.spec.nodeName).toBe(cluster.nodes[0]?.name);
    expect(await ask(after, "/file?path=/data/kept")).toEqual({ text: "from the dead" });
    // Its volume is on the dead node.
    expect(isReady(await get("on-1-0"))).toBe(false);
    await kubectl("taint", "node", name, `${taint.key}-`);
    await cluster.startNode(name);
    const back = await untilReady("on-1-0", 60);
    expect(back.spec.nodeName).toBe(name);
    expect(await ask(back, "/")).toMatchObject({ pod: "on-1-0" });
  });
});
