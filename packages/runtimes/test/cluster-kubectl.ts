import { spawn } from "node:child_process";
import type { TestCluster } from "@portolan/testing";
import type { Manifest } from "../src/kubernetes/render/index.ts";

/** What kubectl says on both channels; it fails with what it said. */
export const kubectl = (
  cluster: TestCluster,
  args: readonly string[],
  input = "",
): Promise<{ out: string; err: string }> =>
  new Promise((resolve, reject) => {
    const child = spawn(cluster.kubectl, ["--kubeconfig", cluster.adminKubeconfigPath, ...args]);
    const said = { out: "", err: "" };
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      said.out += text;
    });
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      said.err += text;
    });
    child.once("error", reject);
    child.once("close", (code) => (code === 0 ? resolve(said) : reject(new Error(said.err))));
    child.stdin.on("error", () => undefined).end(input);
  });

export const applyManifests = (cluster: TestCluster, objects: readonly Manifest[]) =>
  kubectl(
    cluster,
    ["apply", "--server-side", "--field-manager=portolan", "-f", "-"],
    objects.map((object) => JSON.stringify(object)).join("\n---\n"),
  );
