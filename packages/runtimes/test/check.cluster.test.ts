import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { requireCluster, type TestCluster, temporaryDirectory } from "@portolan/testing";
import { beforeAll, describe, expect, it } from "vitest";
import type { RegionFinding } from "../src/index.ts";
import { checkCluster } from "../src/kubernetes/check/check-cluster.ts";
import { kubernetesSettings } from "../src/kubernetes/settings.ts";
import { makeSelfSigned } from "./self-signed.ts";

const bare = requireCluster(1);
const real = requireCluster(3);

const look = async (
  kubeconfig: string,
  more: { settings?: object; context?: string; now?: () => number; toolsImage?: string; startMs?: number } = {},
): Promise<RegionFinding[]> => {
  const { settings = {}, context, toolsImage = "tools", ...rest } = more;
  const found: RegionFinding[] = [];
  const run = checkCluster({
    access: { kubeconfig, ...(context === undefined ? {} : { context }) },
    settings: kubernetesSettings.parse(settings),
    toolsImage,
    signal: AbortSignal.timeout(120_000),
    startMs: 1_000,
    ...rest,
  });
  for await (const finding of run) found.push(finding);
  for (const { state, fix } of found) if (state !== "ok") expect(fix).toBeTruthy();
  return found;
};
const of = (findings: readonly RegionFinding[], check: string) => findings.find((finding) => finding.check === check);

/** A kubeconfig with one of its parts put in place of another. */
const bend = (cluster: TestCluster, change: (config: Kubeconfig) => void): string => {
  const config = JSON.parse(cluster.kubeconfig) as Kubeconfig;
  change(config);
  const path = join(temporaryDirectory("kubeconfig"), "config");
  writeFileSync(path, JSON.stringify(config));
  return path;
};
interface Kubeconfig {
  clusters: [{ cluster: { server: string; "certificate-authority-data": string } }];
  users: [{ user: { [member: string]: unknown } }];
}

/** As a kubeconfig has them. */
const expiredPair = async (): Promise<{ cert: string; key: string }> => {
  const period = { notBefore: new Date("2020-01-01T00:00:00Z"), notAfter: new Date("2020-01-02T00:00:00Z") };
  const { cert, key } = await makeSelfSigned(period);
  const encode = (pem: string) => Buffer.from(pem).toString("base64");
  return { cert: encode(cert), key: encode(key) };
};

describe.skipIf(bare === undefined)("what stands between here and a cluster is one clear finding", () => {
  let cluster: TestCluster;
  beforeAll(async () => {
    if (bare !== undefined) cluster = await bare.start();
  });

  it("no such file, something else than a kubeconfig, no such context", async () => {
    expect(await look("/nowhere/config")).toMatchObject([
      { state: "wrong", message: "There is no file /nowhere/config." },
    ]);
    const path = join(temporaryDirectory("kubeconfig"), "config");
    writeFileSync(path, "clusters: [");
    expect(await look(path)).toMatchObject([{ state: "wrong", message: expect.stringContaining("is no kubeconfig") }]);
    expect(await look(cluster.adminKubeconfigPath, { context: "other" })).toMatchObject([
      { state: "wrong", message: "The kubeconfig has no context other." },
    ]);
  });

  it("nobody there, silence, another authority, another name", async () => {
    const to = (server: string) => bend(cluster, ({ clusters }) => Object.assign(clusters[0].cluster, { server }));
    expect(await look(to("https://127.0.0.1:1"))).toMatchObject([
      { message: "Nothing listens at https://127.0.0.1:1." },
    ]);
    expect(await look(to("https://nowhere.invalid"))).toMatchObject([
      { message: "The name in https://nowhere.invalid is not known." },
    ]);
    const mute = createServer(() => undefined).listen(0, "127.0.0.1");
    await once(mute, "listening");
    const address = mute.address();
    const port = typeof address === "object" ? address?.port : undefined;
    expect(await look(to(`https://127.0.0.1:${port}`))).toMatchObject([
      { state: "wrong", message: expect.stringContaining("does not answer") },
    ]);
    mute.close();
    const { cert } = await expiredPair();
    const stranger = bend(cluster, ({ clusters }) =>
      Object.assign(clusters[0].cluster, { "certificate-authority-data": cert }),
    );
    expect(await look(stranger)).toMatchObject([{ message: expect.stringContaining("not from the authority") }]);
  });

  it("a credential that has expired, or that nobody knows", async () => {
    const { cert, key } = await expiredPair();
    const old = bend(cluster, ({ users }) => {
      users[0].user = { "client-certificate-data": cert, "client-key-data": key };
    });
    expect(await look(old)).toMatchObject([
      { check: "credential", state: "wrong", message: expect.stringContaining("expired on") },
    ]);
    const nobody = bend(cluster, ({ users }) => {
      users[0].user = { token: "nobody" };
    });
    expect(await look(nobody)).toMatchObject([{ message: expect.stringContaining("does not know this credential") }]);
  });

  it("a clock that is wrong, storage that is not there, peers that nobody names", async () => {
    const found = await look(cluster.adminKubeconfigPath, {
      now: () => Date.now() + 60_000,
      settings: { storageClass: "gold" },
    });
    expect(of(found, "clock")).toMatchObject({ state: "wrong", message: expect.stringMatching(/ (59|60|61) s away/) });
    expect(of(found, "storage")).toMatchObject({ state: "wrong", message: "There is no storage class gold." });
    expect(of(found, "peers")).toMatchObject({ state: "wrong" });
    expect(of(found, "rights")).toMatchObject({ state: "ok" });
    expect(of(found, "admission")).toMatchObject({ state: "ok" });
  });

  it("a program that the kubeconfig names gets the credential; where it fails, that is said", async () => {
    const directory = temporaryDirectory("credential");
    const plugin = (text: string): string => {
      const path = join(directory, `plugin-${text.length}`);
      writeFileSync(path, `#!/bin/sh\n${text}\n`, { mode: 0o700 });
      return bend(cluster, ({ users }) => {
        users[0].user = {
          exec: { apiVersion: "client.authentication.k8s.io/v1", command: path, interactiveMode: "Never" },
        };
      });
    };
    const token = execFileSync(
      cluster.kubectl,
      ["--kubeconfig", cluster.adminKubeconfigPath, "create", "token", await account(cluster, "plugin")],
      { encoding: "utf8" },
    ).trim();
    const credential = { apiVersion: "client.authentication.k8s.io/v1", kind: "ExecCredential", status: { token } };
    const found = await look(plugin(`echo '${JSON.stringify(credential)}'`));
    // It is let in, as an account that may do nothing.
    expect(of(found, "cluster")).toMatchObject({ state: "ok" });
    expect(of(found, "rights")).toMatchObject({ state: "wrong", message: expect.stringContaining("namespaces") });
    expect(await look(plugin("exit 1"))).toMatchObject([
      {
        state: "wrong",
        message: expect.stringContaining("The program that the kubeconfig names for credentials failed"),
      },
    ]);
  });

  it("files that the kubeconfig names beside itself", async () => {
    const directory = temporaryDirectory("kubeconfig");
    const config = JSON.parse(cluster.kubeconfig) as { clusters: [{ cluster: object }]; users: [{ user: object }] };
    const toFiles = (part: { [member: string]: unknown }): object =>
      Object.fromEntries(
        Object.entries(part).map(([member, value]) => {
          if (!member.endsWith("-data")) return [member, value];
          const file = `${member.replace(/-data$/, "")}.pem`;
          writeFileSync(join(directory, file), Buffer.from(String(value), "base64"), { mode: 0o600 });
          return [member.replace(/-data$/, ""), file];
        }),
      );
    config.clusters[0].cluster = toFiles({ ...config.clusters[0].cluster });
    config.users[0].user = toFiles({ ...config.users[0].user });
    writeFileSync(join(directory, "config"), JSON.stringify(config));
    expect(of(await look(join(directory, "config")), "rights")).toMatchObject({ state: "ok" });
  });

  it("rights that are missing are named, and what may not be looked at is said", async () => {
    // Known to everybody, and with no rights.
    const token = execFileSync(
      cluster.kubectl,
      ["--kubeconfig", cluster.adminKubeconfigPath, "create", "token", await account(cluster)],
      { encoding: "utf8" },
    ).trim();
    const path = bend(cluster, ({ users }) => {
      users[0].user = { token };
    });
    const found = await look(path);
    expect(of(found, "rights")).toMatchObject({
      state: "wrong",
      message: expect.stringContaining("get/list/watch/create/patch/delete namespaces"),
      fix: expect.stringContaining("deploy/kubernetes/rbac.yaml"),
    });
    expect(of(found, "storage")).toMatchObject({ state: "wrong", message: expect.stringContaining("Forbidden") });
  });
});

const account = async (cluster: TestCluster, kind = "nobody"): Promise<string> => {
  const name = `${kind}-${process.pid}`;
  execFileSync(cluster.kubectl, ["--kubeconfig", cluster.adminKubeconfigPath, "create", "serviceaccount", name]);
  return name;
};

describe.skipIf(real === undefined)("a trial on real nodes", () => {
  let cluster: TestCluster;
  let toolsImage: string;
  beforeAll(async () => {
    if (real === undefined) return;
    cluster = await real.start();
    const image = { name: "tools", programs: [process.execPath], entrypoint: ["/usr/local/bin/node"] };
    toolsImage = (await cluster.makeImage(image)).digestReference;
  });
  const settings = () => {
    const from = [{ cidr: cluster.network?.nodes ?? "" }];
    return { storageClass: cluster.storageClasses.node, reach: "address", gateway: from, worker: from };
  };
  const namespaces = () =>
    execFileSync(cluster.kubectl, ["--kubeconfig", cluster.adminKubeconfigPath, "get", "namespaces", "-o", "name"], {
      encoding: "utf8",
    });
  it("finds nothing wrong where nothing is: policies hold, names are told, a port is reached from here", async () => {
    const found = await look(cluster.adminKubeconfigPath, { settings: settings(), toolsImage, startMs: 60_000 });
    expect(found.filter(({ state }) => state === "wrong")).toEqual([]);
    for (const check of ["pods", "network", "names", "reach"]) expect(of(found, check)).toMatchObject({ state: "ok" });
  });

  it("says which image can't be pulled", async () => {
    const found = await look(cluster.adminKubeconfigPath, {
      ...{ settings: settings(), toolsImage: "docker.io/local/nothing:1", startMs: 60_000 },
    });
    expect(of(found, "image")).toMatchObject({
      state: "wrong",
      message: expect.stringContaining("docker.io/local/nothing:1"),
    });
    expect(of(found, "network")).toBeUndefined();
  });

  it("says that nobody is let in where the settings name other peers", async () => {
    const from = [{ cidr: "192.0.2.0/24" }];
    const found = await look(cluster.adminKubeconfigPath, {
      ...{ settings: { ...settings(), gateway: from, worker: from }, toolsImage, startMs: 60_000 },
    });
    expect(of(found, "reach")).toMatchObject({ state: "wrong" });
    expect(of(found, "network")).toMatchObject({ state: "ok" });
  });

  it("leaves nothing behind", async () => {
    await expect.poll(namespaces, { timeout: 90_000, interval: 1_000 }).not.toContain("portolan-check-");
  });
});
