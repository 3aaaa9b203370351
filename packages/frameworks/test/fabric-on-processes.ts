import { randomBytes, sign as signBytes } from "node:crypto";
import { chmod, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  type AddressesByRegion,
  type Blueprint,
  type ChainSpec,
  createIdSource,
  type JsonObject,
  type MaterialItem,
  type MaterialRef,
  type NodeObservation,
  type Random,
  type Signer,
  systemClock,
  toName,
} from "@portolan/domain";
import { silentLogger } from "@portolan/kit";
import { createProcessRuntime, createProgramFinder, type Runtime, type SecretSource } from "@portolan/runtimes";
import { loadAsset } from "../src/assets.ts";
import { toBlueprints } from "../src/fabric/blueprint.ts";
import { newP256Key } from "../src/fabric/crypto/index.ts";
import { makeMaterial } from "../src/fabric/material.ts";
import { topology } from "../src/fabric/topology.ts";
import type { OperatorConfig } from "../src/operator-config.ts";

/** Keys of authorities in memory, in the place of custody. */
export const memorySigner = (): Signer => {
  const keys = new Map<string, ReturnType<typeof newP256Key>>();
  return {
    createKey: async (ref, algorithm) => {
      const key = keys.get(ref) ?? newP256Key(random);
      keys.set(ref, key);
      return { ref, algorithm, publicKey: key.publicKeyPem };
    },
    sign: async (ref, data) => {
      const key = keys.get(ref);
      if (key === undefined) throw new Error(`no key ${ref}`);
      return signBytes("sha256", data, key.privateKeyPem);
    },
  };
};

/** A network's nodes as real programs, without the plane: what `portolan` makes of a spec, kept up by hand. */
export interface FabricOnProcesses {
  spec: ChainSpec;
  signer: Signer;
  material: MaterialItem[];
  addresses: AddressesByRegion;
  runtime: Runtime;
  placement: { placementId: string; chainId: string; tenantId: string; region: string };
  blueprint(): Blueprint;
  /** Makes what is missing of the material as of `now`; how many items were made. */
  renew(now: Date): Promise<number>;
  /** Applies until every node runs. `only`: those that may change. */
  converge(only?: readonly string[]): Promise<readonly NodeObservation[]>;
  /** Where a node's files, volumes and logs lie. */
  directory(node: string): string;
  logs(node: string): Promise<string[]>;
  close(): Promise<void>;
}

const random: Random = { bytes: (size) => new Uint8Array(randomBytes(size)) };

const operator: OperatorConfig = { forks: [] };

const createSecrets = (secrets: ReadonlyMap<string, Uint8Array>, material: readonly MaterialItem[]): SecretSource => {
  const find = (ref: MaterialRef): MaterialItem => {
    const found = material.find(({ name, version }) => name === ref.material && version === ref.version);
    if (found === undefined) throw new Error(`no material ${ref.material}@${ref.version}`);
    return found;
  };
  return {
    secret: (ref) => secrets.get(`${ref.material}@${ref.version}`) ?? new Uint8Array(),
    public: (ref) => find(ref).public as JsonObject,
    asset: (path) => loadAsset("fabric", path),
  };
};

/** Reserves ports and makes the material; nothing runs yet. `ports`: first of a range of 1000 of this test's own. */
export const openFabric = async (spec: ChainSpec, ports: number): Promise<FabricOnProcesses> => {
  const home = await mkdtemp(join(tmpdir(), "portolan-fabric-"));
  await chmod(home, 0o755);
  const runtime = createProcessRuntime({
    home,
    clock: systemClock,
    log: silentLogger,
    programs: createProgramFinder({
      searchPath: "",
      ...(process.env["PORTOLAN_PROGRAMS"] ? { programsDir: process.env["PORTOLAN_PROGRAMS"] } : {}),
    }),
    portRange: { first: ports, last: ports + 999 },
  });
  const [region = ""] = spec.regions;
  const placementId = createIdSource({ clock: systemClock, random }).next("placement");
  const placement = { placementId, chainId: spec.chainId, tenantId: spec.tenantId, region };
  const addresses = { [region]: await runtime.reserve(placement, topology(spec), 1n) };
  const signer = memorySigner();
  const material: MaterialItem[] = [];
  const secrets = new Map<string, Uint8Array>();
  const renew = async (now: Date): Promise<number> => {
    const made = await makeMaterial(spec, material, { addresses, signer, random, now });
    for (const { secret, ...item } of made) {
      material.push(item);
      if (secret !== undefined) secrets.set(`${item.name}@${item.version}`, secret);
    }
    return made.length;
  };
  await renew(systemClock.now());
  const regions = { [region]: { placementId: placement.placementId, capabilities: runtime.capabilities } };
  const blueprint = (): Blueprint => {
    const found = toBlueprints({ spec, material, regions, addresses, operator })[region];
    if (found === undefined) throw new Error("no blueprint");
    return found;
  };
  const converge = async (only?: readonly string[]): Promise<readonly NodeObservation[]> => {
    const end = performance.now() + 180_000;
    for (;;) {
      await runtime.apply(placement, blueprint(), createSecrets(secrets, material), 1n, only);
      const { nodes } = await runtime.observe(placement);
      if (nodes.length === blueprint().nodes.length && nodes.every(({ state }) => state === "running")) return nodes;
      if (performance.now() > end) throw new Error(`not all nodes run: ${JSON.stringify(nodes)}`);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  };
  return {
    spec,
    signer,
    material,
    addresses,
    runtime,
    placement,
    blueprint,
    renew,
    converge,
    directory: (node) => join(home, "placements", toName(placement.placementId), node),
    logs: async (node) => {
      const lines: string[] = [];
      for await (const { line } of runtime.logs(placement, node, {})) lines.push(line);
      return lines;
    },
    close: async () => {
      await runtime.destroy(placement, { volumes: true, fence: 2n });
      await rm(home, { recursive: true, force: true });
    },
  };
};
