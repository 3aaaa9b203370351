import { execFileSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { requireCluster } from "@portolan/testing";
import { describe, expect, it } from "vitest";
import { accessOf } from "./access-of.ts";
import { type ApiRefusal, createClusterApi } from "./api.ts";
import { startOf } from "./processes.ts";

const required = requireCluster(1);
const configMaps = "/api/v1/namespaces/default/configmaps";
const configMap = (name: string) => ({ apiVersion: "v1", kind: "ConfigMap", metadata: { name }, data: { a: "b" } });

describe.skipIf(required === undefined)("level 1: an API server", () => {
  it("accepts an object and refuses what is none", async () => {
    const cluster = await required?.start();
    if (cluster === undefined) return;
    const api = createClusterApi(accessOf(cluster));
    const name = `accepted-${process.pid}`;
    await api.call("POST", configMaps, configMap(name));
    expect(await api.call("GET", `${configMaps}/${name}`)).toMatchObject({ data: { a: "b" } });
    const refusal = await api.call("POST", configMaps, configMap("Not_A_Name")).catch((error: ApiRefusal) => error);
    expect(refusal).toMatchObject({ status: 422 });
    const version = execFileSync(cluster.kubectl, ["--kubeconfig", cluster.adminKubeconfigPath, "version"]);
    expect(version.toString()).toContain("Server Version: v1.35.4");
    api.close();
  });

  it("is the same for whoever asks, and another one with `own`", async () => {
    const [first, second, own] = await Promise.all([
      required?.start(),
      required?.start(),
      required?.start({ own: true }),
    ]);
    expect(first?.server).toBe(second?.server);
    expect(own?.server).not.toBe(first?.server);
    await own?.close();
  });

  it("comes back after a kill with what it had, hangs while it is frozen, and leaves nothing", async () => {
    const cluster = await required?.start({ own: true });
    if (cluster === undefined) return;
    const pids = readdirSync(join(cluster.runDirectory, "pids")).map((name) =>
      Number(readFileSync(join(cluster.runDirectory, "pids", name), "utf8").split(" ")[0]),
    );
    expect(pids).toHaveLength(2);
    let api = createClusterApi(accessOf(cluster));
    await api.call("POST", configMaps, configMap("kept"));
    await cluster.killApiServer();
    await expect(api.call("GET", `${configMaps}/kept`)).rejects.toThrow(/ECONNREFUSED|ECONNRESET|socket hang up/);
    await cluster.startApiServer();
    api.close();
    api = createClusterApi(accessOf(cluster));
    expect(await api.call("GET", `${configMaps}/kept`)).toMatchObject({ data: { a: "b" } });
    await cluster.freezeApiServer();
    const frozen = api.call("GET", `${configMaps}/kept`);
    const first = await Promise.race([frozen, new Promise((resolve) => setTimeout(resolve, 300, "nothing"))]);
    expect(first).toBe("nothing");
    await cluster.thawApiServer();
    expect(await frozen).toMatchObject({ data: { a: "b" } });
    api.close();
    await cluster.close();
    expect(existsSync(cluster.runDirectory)).toBe(false);
    expect(pids.filter((pid) => startOf(pid) !== undefined)).toEqual([]);
  });
});
