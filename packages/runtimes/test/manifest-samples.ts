import { createECDH, createHash, createPrivateKey, createPublicKey, createSign } from "node:crypto";
import type {
  AddressesByRegion,
  Blueprint,
  ChainSpec,
  JsonObject,
  MaterialItem,
  NewMaterialItem,
  NodeSpec,
  PartSpec,
  Signer,
} from "@portolan/domain";
import { type Framework, findFramework, loadAsset, type OperatorConfig } from "@portolan/frameworks";
import { createFakeFramework, seededRandom } from "@portolan/testing";
import {
  fillSecrets,
  type Manifest,
  objectsOf,
  renderPlacement,
  toPortNumbers,
  toServiceHost,
} from "../src/kubernetes/render/index.ts";
import { type KubernetesSettings, kubernetesSettings } from "../src/kubernetes/settings.ts";
import { beside, nodesIn, spaceOf } from "../src/kubernetes/space.ts";
import type { PlacementRef, SecretSource } from "../src/runtime.ts";

/** A chain as its framework wants it on a cluster, the same whenever it is made. */
export interface ManifestSample {
  name: string;
  placement: PlacementRef;
  blueprint: Blueprint;
  settings: KubernetesSettings;
  secrets: SecretSource;
}

const region = "here";
const idOf = (prefix: string, serial: number): string =>
  `${prefix}_01jd0000000000000000${String(serial).padStart(6, "0")}`;

/** As an operator would write them whose gateway and worker stand in the cluster. */
export const sampleSettings: KubernetesSettings = kubernetesSettings.parse({
  storageClass: "fast",
  gateway: [{ namespace: { "kubernetes.io/metadata.name": "portolan" }, pod: { app: "gateway" } }],
  worker: [{ namespace: { "kubernetes.io/metadata.name": "portolan" }, pod: { app: "worker" } }],
  mirror: "mirror.example:5000",
  pullSecret: { namespace: "portolan", name: "registry" },
});

const keyPair = (ref: string) => {
  const ecdh = createECDH("prime256v1");
  ecdh.setPrivateKey(createHash("sha256").update(ref).digest());
  const point = ecdh.getPublicKey();
  const [x, y] = [point.subarray(1, 33), point.subarray(33)].map((half) => half.toString("base64url"));
  const jwk = { kty: "EC", crv: "P-256", x: x ?? "", y: y ?? "" };
  const d = ecdh.getPrivateKey().toString("base64url");
  return {
    publicKey: createPublicKey({ key: jwk, format: "jwk" }),
    privateKey: createPrivateKey({ key: { ...jwk, d }, format: "jwk" }),
  };
};

const edwardsKey = (ref: string) => {
  const head = Buffer.from("302e020100300506032b657004220420", "hex");
  const der = Buffer.concat([head, createHash("sha256").update(ref).digest()]);
  return createPublicKey(createPrivateKey({ key: der, format: "der", type: "pkcs8" }));
};

const createKey: Signer["createKey"] = async (ref, algorithm) => ({
  ref,
  algorithm,
  publicKey: (algorithm === "ed25519" ? edwardsKey(ref) : keyPair(ref).publicKey)
    .export({ type: "spki", format: "pem" })
    .toString(),
});

/** Keys and signatures by reference, always the same; the signatures are good for nothing but their form. */
const sampleSigner: Signer = {
  createKey,
  sign: async (ref, data) => {
    const half = (of: string): Buffer => {
      const bytes = createHash("sha256").update(of).update(ref).update(data).digest();
      // Neither negative nor with a zero too many, and small enough to count as low.
      bytes[0] = ((bytes[0] ?? 0) & 0x3f) | 0x01;
      return Buffer.concat([Buffer.from([2, 32]), bytes]);
    };
    const both = Buffer.concat([half("r"), half("s")]);
    return Buffer.concat([Buffer.from([0x30, both.length]), both]);
  },
};

/** For chains that are really to run. */
export const realSigner: Signer = {
  createKey,
  sign: async (ref, data) => createSign("sha256").update(data).sign(keyPair(ref).privateKey),
};

const reserve = (placement: PlacementRef, nodes: readonly NodeSpec[]): AddressesByRegion => ({
  [region]: nodes.flatMap((node) =>
    [...toPortNumbers(node.ports)].map(([port, number]) => ({
      node: node.name,
      port,
      host: toServiceHost(spaceOf(placement, node), node.name, sampleSettings),
      number,
      bindHost: "0.0.0.0",
      bindNumber: number,
    })),
  ),
});

const withoutSecret = ({ secret: _secret, ...item }: NewMaterialItem): MaterialItem => item;

const toSecrets = (framework: Framework, made: readonly NewMaterialItem[]): SecretSource => {
  const find = (name: string, version: number): NewMaterialItem => {
    const found = made.find((item) => item.name === name && item.version === version);
    if (found === undefined) throw new Error(`no material ${name}`);
    return found;
  };
  return {
    secret: ({ material, version }) => find(material, version).secret ?? Buffer.from(material),
    public: ({ material, version }) => find(material, version).public as JsonObject | string,
    asset: (path) => (framework.slug === "fake" ? Buffer.from("// a program\n") : loadAsset(framework.slug, path)),
  };
};

export interface SampleOptions {
  signer: Signer;
  /** When the chain's certificates are made. */
  now: Date;
}

const toSample = async (
  name: string,
  serial: number,
  framework: Framework,
  wish: { plan: string; settings?: object; parts?: readonly PartSpec[] },
  { signer, now }: SampleOptions,
): Promise<ManifestSample> => {
  const spec: ChainSpec = {
    chainId: idOf("chn", serial),
    tenantId: idOf("ten", serial),
    name,
    framework: framework.slug,
    version: framework.versions.find(({ isDefault }) => isDefault)?.version ?? "",
    plan: wish.plan,
    settings: framework.settings.parse(wish.settings ?? {}) as JsonObject,
    regions: [region],
    parts: wish.parts ?? [],
    generation: 1,
    serial,
  };
  const placement = { placementId: idOf("plc", serial), chainId: spec.chainId, tenantId: spec.tenantId, region };
  const addresses = reserve(placement, framework.topology(spec));
  const operator: OperatorConfig = { forks: [], forwarderUrl: "http://127.0.0.1:9000" };
  const context = { addresses, signer, random: seededRandom(name), operator };
  const made = await framework.material(spec, [], { ...context, now });
  const facts = { isolation: "namespace", hasStorageExpansion: false, hasSnapshots: true, exposures: [] } as const;
  const regions = { [region]: { placementId: placement.placementId, capabilities: facts } };
  const blueprint = framework.blueprint(spec, made.map(withoutSecret), { regions, addresses, operator })[region];
  if (blueprint === undefined) throw new Error(`${name} has no blueprint`);
  return { name, placement, blueprint, settings: sampleSettings, secrets: toSecrets(framework, made) };
};

const part = (serial: number, kind: string, name: string, settings: JsonObject): PartSpec => ({
  id: idOf(kind.slice(0, 3), serial),
  kind,
  name,
  settings,
  generation: 1,
});

const builtIn = (slug: string): Framework => {
  const found = findFramework(slug);
  if (found === undefined) throw new Error(`no framework ${slug}`);
  return found;
};

const consortium = {
  plan: "standard",
  settings: { organisations: [{ name: "org1", peers: 2 }, { name: "org2" }] },
  parts: [
    part(1, "channel", "main", {}),
    part(2, "chaincode", "basic", { channel: "main", source: { kind: "catalogue", name: "asset-transfer" } }),
    part(3, "chaincode", "far", { channel: "main", source: { kind: "external", address: "cc.example.com:9999" } }),
  ],
};

const bakers = {
  plan: "standard",
  settings: {
    bakers: 3,
    rpcNodes: 2,
    historyMode: "archive",
    accounts: [{ address: "tz1KqTpEZ7Yob7QbPE4Hy4Wo8fHG8LhKxZSx", balanceTez: "1000" }],
  },
};

const ownCode = {
  plan: "dev",
  parts: [
    part(1, "channel", "main", {}),
    part(2, "chaincode", "own", {
      channel: "main",
      source: { kind: "image", image: `registry.example:5000/acme/assets@sha256:${"0123456789abcdef".repeat(4)}` },
    }),
  ],
};

const restricted = {
  plan: "standard",
  settings: { permissions: { accounts: [`0x${"ab".repeat(20)}`] } },
};

/** Every framework, in the plans and shapes that differ in what they run. */
export const manifestSamples = async (
  options: SampleOptions = { signer: sampleSigner, now: new Date("2026-01-01T00:00:00Z") },
): Promise<ManifestSample[]> => [
  ...(await Promise.all(
    builtIn("anvil").plans.map(({ plan }, index) =>
      toSample(`anvil-${plan}`, 10 + index, builtIn("anvil"), { plan }, options),
    ),
  )),
  await toSample("fabric-dev", 20, builtIn("fabric"), { plan: "dev" }, options),
  await toSample("fabric-standard", 21, builtIn("fabric"), consortium, options),
  await toSample("fabric-own-code", 22, builtIn("fabric"), ownCode, options),
  await toSample("octez-dev", 40, builtIn("octez"), { plan: "dev" }, options),
  await toSample("octez-standard", 41, builtIn("octez"), bakers, options),
  await toSample("besu-dev", 50, builtIn("besu"), { plan: "dev" }, options),
  await toSample("besu-standard", 51, builtIn("besu"), restricted, options),
  await toSample("fake", 30, createFakeFramework(), { plan: "dev" }, options),
];

/** What a sample is in each of its namespaces. */
export const spacesOf = ({
  placement,
  blueprint,
  settings,
}: Pick<ManifestSample, "placement" | "blueprint" | "settings">) =>
  [placement, beside(placement)]
    .filter((space, index) => index === 0 || nodesIn(space, blueprint.nodes).length > 0)
    .map((space) => renderPlacement(space, blueprint, settings));

/** Every object of a sample as it goes to the API server, secrets and all, in the order of applying. */
export const manifestsOf = (sample: ManifestSample): Manifest[] =>
  spacesOf(sample).flatMap(({ namespace, shared, nodes }) => {
    const filled = [...nodes.values()].map((node) => fillSecrets(node, sample.secrets));
    const ofNodes = filled.flatMap((node) => [...objectsOf(node), ...node.jobs.map(({ job }) => job)]);
    return [namespace, ...shared, ...ofNodes];
  });
