import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import { connect } from "node:tls";
import { fileURLToPath } from "node:url";
import { systemClock } from "@portolan/domain";
import { requireCluster, requireProgramSet, type TestCluster, temporaryDirectory } from "@portolan/testing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { fillSecrets, objectsOf, renderPlacement } from "../src/kubernetes/render/index.ts";
import { type KubernetesSettingsInput, kubernetesSettings } from "../src/kubernetes/settings.ts";
import { copyScript } from "../src/process/copy-script.ts";
import { createProgramFinder } from "../src/process/programs.ts";
import { applyManifests, kubectl } from "./cluster-kubectl.ts";
import { type ManifestSample, manifestSamples, realSigner } from "./manifest-samples.ts";

const required = requireCluster(3);
const fabric = requireProgramSet("fabric");

/** What a vendor's image has beside its program: Fabric's external builders need it. */
const shellPrograms = ["cat", "cp", "grep", "mkdir", "stat", "tr"].map((name) => `/bin/${name}`);

describe.skipIf(required === undefined)("real pods", () => {
  let cluster: TestCluster;
  let samples: readonly ManifestSample[] = [];
  const namespaces: string[] = [];

  beforeAll(async () => {
    if (required === undefined) return;
    cluster = await required.start();
    samples = await manifestSamples({ signer: realSigner, now: systemClock.now() });
  });
  afterAll(async () => {
    for (const name of namespaces) await kubectl(cluster, ["delete", "namespace", name, "--wait=false"]);
  });

  let made = 0;
  /** `files`: of all of them. */
  const images = async (
    programs: { readonly [match: string]: readonly string[] },
    files: { readonly [inImage: string]: string } = {},
  ) => {
    const all = Object.entries(programs).map(async ([match, paths]) => {
      const [entry = ""] = paths;
      made += 1;
      const image = await cluster.makeImage({
        name: `manifests-${process.pid}-${made}`,
        programs: paths,
        files: { "/bin/sh": "/bin/sh", ...files },
        entrypoint: [entry],
      });
      return { match, use: image.digestReference };
    });
    return await Promise.all(all);
  };

  const sampleOf = (name: string): ManifestSample => {
    const found = samples.find((one) => one.name === name);
    if (found === undefined) throw new Error(`no sample ${name}`);
    return found;
  };

  /** Lays the sample into the cluster and waits until all its pods are ready; returns the namespace. */
  const run = async (sample: ManifestSample, input: KubernetesSettingsInput): Promise<string> => {
    const network = cluster.network;
    if (network === undefined) throw new Error("the cluster has no real nodes");
    const machine = [{ cidr: `${network.machine}/32` }, { cidr: network.nodes }];
    const settings = kubernetesSettings.parse({
      storageClass: cluster.storageClasses.node,
      gateway: machine,
      worker: machine,
      ...input,
    });
    const { namespace, shared, nodes, notes } = renderPlacement(sample.placement, sample.blueprint, settings);
    expect(notes).toEqual([]);
    namespaces.push(namespace.metadata.name);
    const filled = [...nodes.values()].map((node) => fillSecrets(node, sample.secrets));
    await applyManifests(cluster, [namespace, ...shared, ...filled.flatMap(objectsOf)]);
    const selector = ["--selector=portolan.dev/component=node", "-n", namespace.metadata.name];
    await expect
      .poll(
        async () => (await kubectl(cluster, ["get", "pods", "-o", "name", ...selector])).out.trim().split("\n").length,
        { timeout: 60_000 },
      )
      .toBe(nodes.size);
    await kubectl(cluster, ["wait", "--for=condition=Ready", "pod", "--timeout=120s", ...selector]);
    return namespace.metadata.name;
  };

  const addressOf = async (namespace: string, node: string, port: string): Promise<string> => {
    const path = `jsonpath={.spec.clusterIP}:{.spec.ports[?(@.name=="${port}")].port}`;
    return (await kubectl(cluster, ["get", "service", node, "-n", namespace, "-o", path])).out;
  };

  const logsOf = async (namespace: string): Promise<string> => {
    const args = ["logs", "-n", namespace, "--selector=portolan.dev/component=node", "--all-containers", "--tail=-1"];
    return (await kubectl(cluster, args)).out;
  };

  test("anvil answers through its service, keeps its state, and has it again in another pod", async () => {
    const found = createProgramFinder({ searchPath: "" }).find({ name: "anvil", version: "1.7.1" });
    if ("missing" in found) throw new Error("anvil is a dependency of this package");
    const all = await images({
      "ghcr.io/foundry-rs/foundry:v1.7.1": [found.path],
      "docker.io/library/node:24-bookworm-slim": [process.execPath],
    });
    const namespace = await run(sampleOf("anvil-dev"), { images: all });
    const call = async (method: string, params: readonly unknown[] = []): Promise<unknown> => {
      const url = `http://${await addressOf(namespace, "node-0", "rpc")}`;
      const body = JSON.stringify({ jsonrpc: "2.0", id: 1, method, params });
      const headers = { "content-type": "application/json" };
      const answer = await fetch(url, { method: "POST", body, headers, signal: AbortSignal.timeout(5_000) });
      return ((await answer.json()) as { result?: unknown }).result;
    };
    const account = "0x00000000000000000000000000000000000000aa";
    await call("anvil_setBalance", [account, "0x1234"]);
    expect(await call("eth_getBalance", [account, "latest"])).toBe("0x1234");
    await kubectl(cluster, ["delete", "pod", "node-0-0", "-n", namespace]);
    await expect
      .poll(() => call("eth_getBalance", [account, "latest"]).catch(() => undefined), { timeout: 60_000 })
      .toBe("0x1234");
  });

  test.skipIf(fabric === undefined)(
    "Fabric's orderer and peer run with their files, as nobody in particular",
    async () => {
      const { orderer = "", peer = "" } = fabric?.paths ?? {};
      const all = await images({
        "docker.io/hyperledger/fabric-orderer:3.1.5": [orderer],
        "docker.io/hyperledger/fabric-peer:3.1.5": [peer, "/bin/sh", ...shellPrograms],
      });
      const namespace = await run(sampleOf("fabric-dev"), { images: all });
      for (const node of ["orderer-0", "peer-org1-0"]) {
        const answer = await fetch(`http://${await addressOf(namespace, node, "operations")}/healthz`);
        expect(answer.status, node).toBe(200);
      }
      const inPeer = async (script: string): Promise<string> =>
        (
          await kubectl(cluster, [
            "exec",
            "-n",
            namespace,
            "peer-org1-0-0",
            "-c",
            "peer",
            "--",
            "/bin/sh",
            "-c",
            script,
          ])
        ).out;
      // Kubelet lets the pod's group read what only its owner, the superuser, could.
      const modes = "stat -L -c '%a %u %g' /portolan/files/msp/keystore/key.pem /portolan/files/builder/bin/detect";
      expect(await inPeer(modes)).toBe("640 0 1000\n755 0 1000\n");
      const builder = `mkdir /tmp/m && echo '{"type": "ccaas"}' >/tmp/m/metadata.json && /portolan/files/builder/bin/detect /tmp /tmp/m && echo taken`;
      expect(await inPeer(builder)).toBe("taken\n");
      await expect(inPeer("echo x >/portolan/files/x")).rejects.toThrow(/[Rr]ead-only/);
      expect(await logsOf(namespace)).not.toMatch(/permission denied|read-only file system|panic/i);
    },
  );

  test("the chaincode that ships, and the relay of one elsewhere, run as images", async () => {
    const directory = temporaryDirectory("chaincode");
    const programs = join(directory, "programs");
    const script = copyScript(
      fileURLToPath(import.meta.resolve("@portolan/chaincode-asset-transfer")).replace("index", "main"),
      programs,
    );
    const program = join(directory, "chaincode-asset-transfer");
    writeFileSync(program, `#!/bin/sh\nexec node /opt/${relative(programs, script)}\n`, { mode: 0o755 });
    const node = { "docker.io/library/node:24-bookworm-slim": [process.execPath] };
    const chaincode = { "ghcr.io/portolan/chaincode-asset-transfer:1.0.0": [process.execPath, "/bin/sh"] };
    const files = { "/opt": programs, "/usr/local/bin/chaincode-asset-transfer": program };
    const sample = sampleOf("fabric-standard");
    const { nodes, network } = sample.blueprint;
    const namespace = await run(
      {
        ...sample,
        blueprint: {
          ...sample.blueprint,
          nodes: nodes.filter(({ role }) => role === "chaincode"),
          network: network.filter(({ from, to }) => from === "worker" && to.node.startsWith("chaincode")),
        },
      },
      { images: [...(await images(node)), ...(await images(chaincode, files))] },
    );
    const status = await fetch(`http://${await addressOf(namespace, "chaincode-far-0", "operations")}/status`);
    expect(status.status).toBe(200);
    const [host = "", port = ""] = (await addressOf(namespace, "chaincode-basic-0", "grpc")).split(":");
    const socket = connect({ host, port: Number(port), rejectUnauthorized: false, ALPNProtocols: ["h2"] });
    await once(socket, "secureConnect");
    expect(socket.alpnProtocol).toBe("h2");
    socket.destroy();
  });
});
