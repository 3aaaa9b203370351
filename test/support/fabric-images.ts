import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { RegionImage } from "./cluster-region.ts";
import { nodeLauncher } from "./node-launcher.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const node = process.execPath;
/** What a vendor's image has beside its program: Fabric's external builders need it. */
const shell = { "/bin/sh": "/bin/sh" };
const shellPrograms = ["cat", "cp", "grep", "mkdir", "stat", "tr"].map((name) => `/bin/${name}`);

/** A package with all that it needs, found as Node finds them from `from`: directory in `node_modules` → where it is. */
const closureOf = (name: string, from: string, found = new Map<string, string>()): Map<string, string> => {
  const place = [join(from, "node_modules", name), join(root, "node_modules", name)].find((path) => existsSync(path));
  // Optional peers are not there, and not missed.
  if (place === undefined || found.has(name)) return found;
  found.set(name, place);
  const { dependencies = {} } = JSON.parse(readFileSync(join(place, "package.json"), "utf8"));
  for (const dependency of Object.keys(dependencies)) closureOf(dependency, place, found);
  return found;
};

/** The images of a Fabric network of the version, made of this machine's programs. */
export const fabricImages = (
  programs: { readonly [name: string]: string | undefined },
  { version, directory }: { version: string; directory: string },
): RegionImage[] => {
  const { orderer = "", peer = "" } = programs;
  const chaincode = join(root, "chaincode", "asset-transfer");
  const packages = ["fabric-shim", "fabric-contract-api"].map((name) => closureOf(name, chaincode));
  const modules = new Map(packages.flatMap((found) => [...found]));
  const files = Object.fromEntries([...modules].map(([name, path]) => [`/app/node_modules/${name}`, path]));
  return [
    { match: `docker.io/hyperledger/fabric-orderer:${version}`, programs: [orderer] },
    {
      match: `docker.io/hyperledger/fabric-peer:${version}`,
      programs: [peer, "/bin/sh", ...shellPrograms],
      files: shell,
    },
    { match: "docker.io/library/node:24-bookworm-slim", programs: [node] },
    {
      match: "ghcr.io/portolan/chaincode-asset-transfer:1.0.0",
      programs: [node, nodeLauncher(directory, "chaincode-asset-transfer")],
      files: { ...files, "/app/src": join(chaincode, "src"), "/app/package.json": join(chaincode, "package.json") },
    },
  ];
};
