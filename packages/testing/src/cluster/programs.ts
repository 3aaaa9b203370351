import { createHash } from "node:crypto";
import { accessSync, constants, readdirSync, readFileSync } from "node:fs";
import { homedir } from "node:os";
import { delimiter, join } from "node:path";

/** 1: etcd and the API server. 2: and controllers, scheduler, simulated nodes. 3: and real nodes. */
export type ClusterLevel = 1 | 2 | 3;

const goPrograms = {
  1: ["etcd", "kube-apiserver", "kubectl"],
  2: ["kube-controller-manager", "kube-scheduler", "kwok"],
  3: ["kubelet", "kube-proxy", "coredns", "pause"],
} as const;

/** Of Debian's packages; sbin is not on everybody's PATH. */
const systemPrograms = ["containerd", "ctr", "runc", "nft", "ip", "conntrack", "nsenter", "unshare", "docker-registry"];
const systemPlaces = ["/usr/sbin", "/sbin", "/usr/local/sbin"];
/** Where Debian's containernetworking-plugins are. */
export const cniDirectory = "/usr/lib/cni";

/** The test cluster's own files, beside this package in the repository. */
export const clusterSources = join(import.meta.dirname, "..", "..", "..", "..", "test", "cluster");

/** What says which programs are built: another version is another directory. */
const moduleFiles = ["go.mod", "go.sum", "installs.json", "pause/main.go"];

/** `~/.portolan/cluster/<hash of the module files>/bin`, where `build.ts` puts the programs. */
export const builtProgramsDirectory = (): string => {
  const hash = createHash("sha256");
  for (const file of moduleFiles) hash.update(readFileSync(join(clusterSources, "programs", file)));
  hash.update(`${process.platform}-${process.arch}`);
  return join(homedir(), ".portolan", "cluster", hash.digest("hex").slice(0, 16), "bin");
};

/** Programs → their paths, and what was not found. */
export interface ClusterPrograms {
  readonly paths: { readonly [name: string]: string };
  readonly missing: readonly string[];
}

/** The programs of a level: in KUBEBUILDER_ASSETS, then those built from the module files, then on the PATH. */
export const findClusterPrograms = (level: ClusterLevel): ClusterPrograms => {
  const wanted = [1, 2, 3].filter((each) => each <= level).flatMap((each) => goPrograms[each as ClusterLevel]);
  const places = [process.env["KUBEBUILDER_ASSETS"] ?? "", builtProgramsDirectory(), ...pathPlaces()];
  const found = [
    ...wanted.map((name) => [name, findIn(places, name)] as const),
    ...(level === 3
      ? systemPrograms.map((name) => [name, findIn([...pathPlaces(), ...systemPlaces], name)] as const)
      : []),
  ];
  const paths = found.flatMap(([name, path]) => (path === undefined ? [] : [[name, path] as const]));
  const missing = found.filter(([, path]) => path === undefined).map(([name]) => name);
  if (level === 3 && !hasPlugins()) missing.push("containernetworking-plugins");
  return { paths: Object.fromEntries(paths), missing };
};

/** Missing programs that no build makes: they come from the distribution. */
export const isSystemProgram = (name: string): boolean =>
  systemPrograms.includes(name) || name === "containernetworking-plugins";

const hasPlugins = (): boolean => {
  try {
    return ["bridge", "host-local", "portmap", "loopback"].every((name) => readdirSync(cniDirectory).includes(name));
  } catch {
    return false;
  }
};

const pathPlaces = (): string[] => (process.env["PATH"] ?? "").split(delimiter);

const findIn = (places: readonly string[], name: string): string | undefined =>
  places
    .filter((place) => place !== "")
    .map((place) => join(place, name))
    .find(isExecutable);

const isExecutable = (path: string): boolean => {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
};
