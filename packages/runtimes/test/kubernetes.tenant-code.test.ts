import {
  type Blueprint,
  type BlueprintNode,
  encodeRegistryLogin,
  type NetworkRule,
  type NodeAddress,
  withRegistries,
} from "@portolan/domain";
import { requireCluster, type TestCluster } from "@portolan/testing";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { echoNode, newPlacement, secrets, toBlueprint, toSpecs } from "../src/conformance/blueprints.ts";
import { askEcho, converge, until } from "../src/conformance/harness.ts";
import type { KubernetesRuntime } from "../src/kubernetes/kubernetes-runtime.ts";
import type { PlacementRef, SecretSource } from "../src/runtime.ts";
import { type KubernetesHarness, openKubernetesHarness, toApart, toNamespace } from "./kubernetes-harness.ts";

const required = requireCluster(3);

/** Whether a TCP connection opens within a second, asked inside a pod. */
const tryScript =
  "const s = require('node:net').connect({ host: process.argv[1], port: Number(process.argv[2]) });" +
  "const end = (said) => { console.log(said); process.exit(0) };" +
  "s.once('connect', () => end('open')); s.once('error', () => end('shut')); setTimeout(() => end('shut'), 1500)";

interface Named {
  items: { kind: string; metadata: { name: string; labels?: { [name: string]: string } } }[];
}

describe.skipIf(required === undefined)("a tenant's own code on real pods", () => {
  let cluster: TestCluster;
  let harness: KubernetesHarness;
  let runtime: KubernetesRuntime;
  let image = { open: "", closed: "" };
  const placements: PlacementRef[] = [];

  const guestOf = (addresses: readonly NodeAddress[], of: string): BlueprintNode => {
    const node = echoNode(addresses, "guest-0", { volumes: [{ name: "data", kind: "scratch", sizeBytes: 1 << 20 }] });
    const processes = node.processes.map((one) => ({
      ...one,
      program: { ...one.program, image: of, isEntrypoint: true as const },
    }));
    return { ...node, processes, isTenantCode: true };
  };

  /** Two nodes of the chain's own, of which the first may dial the tenant's. */
  const place = async () => {
    const placement = newPlacement();
    placements.push(placement);
    const [first, second, third] = toSpecs("peer-0", "peer-1", "guest-0");
    const specs = [first, second, third && { ...third, isTenantCode: true as const }].flatMap((one) => one ?? []);
    const addresses = await runtime.reserve(placement, specs, 1n);
    const own = ["peer-0", "peer-1"].map((name) => echoNode(addresses, name));
    const flow: NetworkRule = { from: { node: "peer-0", region: "here" }, to: { node: "guest-0", port: "http" } };
    const blueprintWith = (of: string) => {
      const blueprint = toBlueprint(placement, [...own, guestOf(addresses, of)]);
      return { ...blueprint, network: [...blueprint.network, flow] };
    };
    return { placement, addresses, own, blueprintWith };
  };

  const look = async (placement: PlacementRef, name: string) =>
    (await runtime.observe(placement)).nodes.find(({ node }) => node === name);

  /** From inside a node's pod. */
  const connect = (namespace: string, node: string, host: string, port: number): string =>
    harness
      .kubectl(["exec", "-n", namespace, `${node}-0`, "-c", "main", "--", "node", "-e", tryScript, host, String(port)])
      .trim();

  beforeAll(async () => {
    if (required === undefined) return;
    cluster = await required.start();
    harness = await openKubernetesHarness(cluster);
    runtime = harness.open();
    const made = await cluster.makeImage({
      name: "guest",
      programs: [process.execPath],
      // Another one than that of the chain's own nodes: kubelet would ask whose credentials let it in.
      texts: { "/etc/guest": "of a tenant" },
      entrypoint: ["node"],
    });
    image = await cluster.pushImage(made, "tenant/guest", "1");
  });
  afterAll(async () => {
    await Promise.all(placements.map((one) => runtime.destroy(one, { volumes: true, fence: 1_000n })));
    await harness?.close();
  });

  it("stands in a namespace of its own, reached by whom the chain names, and reaches nobody", {
    timeout: 300_000,
  }, async () => {
    const { placement, addresses, blueprintWith } = await place();
    const blueprint = blueprintWith(image.open);
    await converge(runtime, placement, blueprint, 1n);
    const [main, apart] = [toNamespace(placement), toApart(placement)];
    const podsIn = (namespace: string) =>
      (harness.read("pods", "-n", namespace) as Named).items.map(({ metadata }) => metadata.name).sort();
    expect([podsIn(main), podsIn(apart)]).toEqual([["peer-0-0", "peer-1-0"], ["guest-0-0"]]);
    expect((harness.read("namespace", apart) as Named["items"][number]).metadata.labels).toMatchObject({
      "pod-security.kubernetes.io/enforce": "restricted",
      "portolan.dev/trust": "tenant",
    });

    const at = (node: string) => {
      const found = addresses.find((one) => one.node === node && one.port === "http");
      return [found?.routeHost ?? "", found?.number ?? 0] as const;
    };
    // What is let in, so that what is not is not shut for another reason.
    expect(connect(main, "peer-0", ...at("guest-0"))).toBe("open");
    expect(await askEcho(runtime, placement, "guest-0")).toMatchObject({ name: "main" });
    expect(connect(main, "peer-1", ...at("guest-0"))).toBe("shut");
    const api = harness.read("service", "kubernetes") as { spec: { clusterIP: string } };
    const server = new URL(cluster.server);
    for (const [host, port] of [
      at("peer-0"),
      at("peer-1"),
      [api.spec.clusterIP, 443] as const,
      [server.hostname, Number(server.port)] as const,
      [cluster.network?.machine ?? "", Number(cluster.registry?.open.split(":")[1])] as const,
    ])
      expect([host, port, connect(apart, "guest-0", host, port)]).toEqual([host, port, "shut"]);
    const other = addresses.find(({ node, port }) => node === "guest-0" && port === "side");
    expect(connect(main, "peer-0", other?.routeHost ?? "", other?.number ?? 0)).toBe("shut");
  });

  it("is known, read, stopped and removed as any other node, by the same fence", { timeout: 300_000 }, async () => {
    const { placement, own, blueprintWith } = await place();
    const blueprint = blueprintWith(image.open);
    await converge(runtime, placement, blueprint, 5n);
    const lines: string[] = [];
    for await (const { line } of runtime.logs(placement, "guest-0", {})) lines.push(line);
    expect(lines).toContain("started main");
    const mine = (await runtime.inventory()).filter(({ placementId }) => placementId === placement.placementId);
    expect(mine.filter(({ kind }) => kind === "namespace").map(({ name }) => name)).toEqual(
      expect.arrayContaining([toNamespace(placement), toApart(placement)]),
    );
    expect(mine.filter(({ kind }) => kind === "program").map(({ node }) => node)).toContain("guest-0");

    await expect(runtime.apply(placement, blueprint, secrets, 4n)).rejects.toMatchObject({
      code: "runtime.fence_stale",
    });
    const fence = (name: string) =>
      (harness.read("namespace", name) as { metadata: { annotations: { [key: string]: string } } }).metadata
        .annotations["portolan.dev/fence"];
    expect([fence(toNamespace(placement)), fence(toApart(placement))]).toEqual(["5", "5"]);

    harness.kubectl(["delete", "networkpolicy", "default-deny", "-n", toApart(placement)]);
    await harness.open().apply(placement, blueprint, secrets, 5n);
    expect(harness.read("networkpolicy", "default-deny", "-n", toApart(placement))).toBeDefined();

    await runtime.stop(placement, 5n);
    expect((await runtime.observe(placement)).nodes.map(({ node, state }) => [node, state])).toEqual([
      ["guest-0", "stopped"],
      ["peer-0", "stopped"],
      ["peer-1", "stopped"],
    ]);
    await converge(runtime, placement, blueprint, 5n);
    // Dropped, and all that let anybody in with it.
    await until("no guest", async () => {
      await runtime.apply(placement, toBlueprint(placement, own), secrets, 5n);
      return (await look(placement, "guest-0")) === undefined;
    });
    expect(harness.read("networkpolicy", "node.guest-0", "-n", toApart(placement))).toBeUndefined();

    await converge(runtime, placement, blueprint, 5n);
    await runtime.destroy(placement, { volumes: true, fence: 6n });
    expect(await runtime.observe(placement)).toEqual({ nodes: [], volumes: [] });
    for (const name of [toNamespace(placement), toApart(placement)])
      expect(harness.read("namespace", name)).toBeUndefined();
    await expect(harness.open().apply(placement, blueprint, secrets, 5n)).rejects.toMatchObject({
      code: "runtime.fence_stale",
    });
    expect(harness.read("namespace", toApart(placement))).toBeUndefined();
  });

  it("says why its image can't be had, and takes another at once; the chain's own nodes run", {
    timeout: 300_000,
  }, async () => {
    const { placement, blueprintWith } = await place();
    const reasonOf = async (of: string, reason: string) => {
      await runtime.apply(placement, blueprintWith(of), secrets, 1n);
      return until(reason, async () => {
        const node = await look(placement, "guest-0");
        return node?.reason === reason && node;
      });
    };
    const denied = await reasonOf(image.closed, "image_denied");
    expect(denied).toMatchObject({ state: "failed", hint: expect.stringContaining("registries set") });
    const none = `${image.open.split("@")[0]}@sha256:${"0".repeat(64)}`;
    expect(await reasonOf(none, "image_missing")).toMatchObject({ message: expect.stringContaining(none) });
    await until("the others", async () => (await look(placement, "peer-1"))?.state === "running");
    await converge(runtime, placement, blueprintWith(image.open), 1n);
  });

  it("is pulled with its app's credentials where the registry asks for some, as they are now, and not without", {
    timeout: 300_000,
  }, async () => {
    const { closed = "", user = "", password = "" } = cluster.registry ?? {};
    const passwords: { readonly [version: number]: string } = { 1: "a wrong one", 2: password, 3: "a wrong one again" };
    const source: SecretSource = {
      ...secrets,
      secret: (ref) =>
        ref.material === `registry/${closed}`
          ? encodeRegistryLogin({ username: user, password: passwords[ref.version] ?? "" })
          : secrets.secret(ref),
    };
    const { placement, blueprintWith } = await place();
    const blueprint = blueprintWith(image.closed);
    const wish = (version: number) => withRegistries(blueprint, [{ host: closed, version }]);
    const podsOf = () =>
      [toNamespace(placement), toApart(placement)].flatMap((namespace) =>
        (harness.read("pods", "-n", namespace) as { items: { metadata: { name: string; uid: string } }[] }).items.map(
          ({ metadata }) => `${metadata.name} ${metadata.uid}`,
        ),
      );
    const reach = (what: string, wanted: Blueprint, isReached: (node: { state: string; reason?: string }) => boolean) =>
      until(what, async () => {
        await runtime.apply(placement, wanted, source, 1n);
        const node = await look(placement, "guest-0");
        return node !== undefined && isReached(node) && node;
      });
    const isDenied = ({ reason }: { reason?: string }) => reason === "image_denied";

    await reach("no credentials", blueprint, isDenied);
    const [first] = podsOf().filter((pod) => pod.startsWith("guest"));
    expect(
      await reach("wrong ones", wish(1), (node) => isDenied(node) && !podsOf().includes(first ?? "")),
    ).toMatchObject({ state: "failed", hint: expect.stringContaining("portolan registries set") });
    await until("the others", async () => (await look(placement, "peer-1"))?.state === "running");
    const peers = podsOf().filter((pod) => pod.startsWith("peer"));
    await reach("the right ones", wish(2), ({ state }) => state === "running");
    expect(await askEcho(runtime, placement, "guest-0")).toMatchObject({ name: "main" });

    // What is pulled already is as good as any: others, and none, are followed without a start.
    const running = podsOf();
    expect(running).toEqual(expect.arrayContaining(peers));
    for (const next of [wish(3), blueprint]) await runtime.apply(placement, next, source, 1n);
    expect(await look(placement, "guest-0")).toMatchObject({ state: "running" });
    expect(podsOf()).toEqual(running);
    // Its machine has the image now; another tenant's pod has still to be let in.
    const other = await place();
    await runtime.apply(other.placement, other.blueprintWith(image.closed), source, 1n);
    await until("refused", async () => (await look(other.placement, "guest-0"))?.reason === "image_denied");
  });

  it("is cleared away, however far its making or its end had come", { timeout: 600_000 }, async () => {
    const stride = process.env["PORTOLAN_CRASHES"] === "all" ? 1 : 64;
    for (const of of ["apply", "destroy"] as const) {
      for (let index = 3; ; index += stride) {
        const { placement, blueprintWith } = await place();
        if (of === "destroy") await runtime.apply(placement, blueprintWith(image.open), secrets, 1n);
        let count = 0;
        let isDead = false;
        const victim = harness.open({
          checkpoint: () => {
            isDead ||= count++ === index;
            if (isDead) throw new Error("crash");
          },
        });
        const work =
          of === "apply"
            ? victim.apply(placement, blueprintWith(image.open), secrets, 1n)
            : victim.destroy(placement, { volumes: true, fence: 1n });
        await work.catch(() => undefined);
        await harness.open().destroy(placement, { volumes: true, fence: 2n });
        expect(await runtime.observe(placement)).toEqual({ nodes: [], volumes: [] });
        expect(harness.read("namespace", toApart(placement))).toBeUndefined();
        if (!isDead) break;
      }
    }
  });
});
