import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import type { TestCluster } from "@portolan/testing";

const run = promisify(execFile);
const root = fileURLToPath(new URL("../..", import.meta.url));
const slug = "cluster";

/** A test cluster as a region of a plane that runs beside it on this machine. */
export interface ClusterRegion {
  slug: string;
  /** For `PlaneOptions.env`. */
  env: { [name: string]: string };
  /** As an operator's terminal: standard output of `portolan …`, which knows the region's file. */
  portolan(...args: string[]): Promise<string>;
  /** As the cluster's administrator: standard output. */
  kubectl(...args: string[]): Promise<string>;
  /** The namespaces of a chain's placements: other tests may have left theirs in the cluster. */
  namespaces(chainId: string): Promise<string[]>;
  close(): Promise<void>;
}

export interface RegionImage {
  /** As frameworks name it. */
  match: string;
  /** What the one that is made in its place has on its PATH. */
  programs: readonly string[];
  /** Path in the image → of this machine. */
  files?: { readonly [inImage: string]: string };
}

const tools = { match: "docker.io/library/node:24", programs: [process.execPath] };

const makeImages = (cluster: TestCluster, images: readonly RegionImage[]) =>
  Promise.all(
    images.map(async ({ match, programs, files }, index) => {
      const made = await cluster.makeImage({
        name: `journey-${process.pid}-${index}`,
        programs,
        ...(files === undefined ? {} : { files }),
        entrypoint: [programs[0] ?? ""],
      });
      return `${match}=${made.digestReference}`;
    }),
  );

/** The account of deploy/kubernetes/rbac.yaml, which has just the rights of its table. */
const writeWorkerKubeconfig = async (
  cluster: TestCluster,
  kubectl: ClusterRegion["kubectl"],
  directory: string,
): Promise<string> => {
  await kubectl("apply", "-f", join(root, "deploy/kubernetes/rbac.yaml"));
  const account = ["portolan-worker", "--namespace", "portolan", "--duration=4h"];
  const token = (await kubectl("create", "token", ...account)).trim();
  const config = JSON.parse(cluster.kubeconfig);
  config.users[0].user = { token };
  const path = join(directory, "worker.kubeconfig");
  await writeFile(path, JSON.stringify(config), { mode: 0o600 });
  return path;
};

/** Lays the images in, makes the worker's account and adds the region as an operator would. */
export const addClusterRegion = async (
  cluster: TestCluster,
  images: readonly RegionImage[],
): Promise<ClusterRegion> => {
  const { network } = cluster;
  if (network === undefined) throw new Error("the cluster has no real nodes");
  const directory = await mkdtemp(join(tmpdir(), "portolan-region-"));
  const env = { PORTOLAN_REGIONS_FILE: join(directory, "regions.json") };
  const kubectl: ClusterRegion["kubectl"] = async (...args) =>
    (await run(cluster.kubectl, ["--kubeconfig", cluster.adminKubeconfigPath, ...args], { maxBuffer: 64 << 20 }))
      .stdout;
  const portolan: ClusterRegion["portolan"] = async (...args) =>
    (await run(process.execPath, [join(root, "apps/cli/src/main.ts"), ...args], { env: { ...process.env, ...env } }))
      .stdout;
  const kubeconfig = await writeWorkerKubeconfig(cluster, kubectl, directory);
  const pairs = await makeImages(cluster, [tools, ...images]);
  await portolan(
    ...["regions", "add", slug, "--kubeconfig", kubeconfig, "--reach", "address"],
    ...["--storage-class", cluster.storageClasses.anywhere],
    // A connection to a service passes a node on its way.
    ...["--from", `${network.machine}/32`, network.nodes],
    ...["--image", ...pairs],
    ...["--country", "FR", "--city", "Paris", "--jurisdiction", "eu"],
  );
  const names = async (chainId: string): Promise<string[]> =>
    (await kubectl("get", "namespaces", `--selector=portolan.dev/chain=${chainId}`, "-o", "name"))
      .trim()
      .split("\n")
      .filter((name) => name !== "");
  return {
    ...{ slug, env, portolan, kubectl, namespaces: names },
    close: () => rm(directory, { recursive: true, force: true }),
  };
};
