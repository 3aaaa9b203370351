import { generateKeyPairSync, type KeyObject, sign } from "node:crypto";
import type { ChainSpec, JsonObject, MaterialItem, Signer } from "@portolan/domain";
import { findFramework, type NetworkAccess } from "@portolan/frameworks";
import { seededRandom } from "@portolan/testing";
import { createTezosChain, openTezosNode, type TezosGenesis } from "@portolan/testing/scripted-tezos";

/** Ed25519 keys by reference, as custody has them. */
const createSigner = (): Signer => {
  const keys = new Map<string, KeyObject>();
  return {
    createKey: async (ref, algorithm) => {
      const { privateKey, publicKey } = generateKeyPairSync("ed25519");
      keys.set(ref, privateKey);
      return { ref, algorithm, publicKey: publicKey.export({ type: "spki", format: "pem" }).toString() };
    },
    sign: async (ref, data) => {
      const key = keys.get(ref);
      if (key === undefined) throw new Error(`there is no key ${ref}`);
      return sign(null, data, key);
    },
  };
};

/**
 * A Tezos chain as the framework makes it, activated, on a scripted peer that plays its RPC node: transfers are really
 * taken apart and checked, nothing else is run. Blocks come when `chain.bake` is called.
 */
export const openTezosScene = async (settings: JsonObject) => {
  const octez = findFramework("octez");
  const version = octez?.versions.find(({ isDefault }) => isDefault)?.version;
  const plan = octez?.plans[0]?.plan;
  if (octez === undefined || version === undefined || plan === undefined) throw new Error("the framework is not there");
  const spec: ChainSpec = {
    ...{ chainId: "chn_1", tenantId: "ten_1", name: "tezos", framework: "octez", version, plan, regions: ["local"] },
    ...{ settings: octez.settings.parse(settings), parts: [], generation: 1, serial: 1 },
  };
  const signer = createSigner();
  const now = new Date();
  const context = { addresses: {}, signer, random: seededRandom("taquito"), now, operator: { forks: [] } };
  const made = await octez.material(spec, [], context);
  const material = made.map(({ secret: _secret, ...item }): MaterialItem => item);
  const publicOf = (wanted: string): unknown => material.find(({ name }) => name === wanted)?.public;
  const genesis = publicOf("genesis") as TezosGenesis;
  const { protocol } = publicOf("parameters") as { protocol: string };
  // Later than block 0, whose time is a whole second of now.
  let minutes = 1;
  const clock = (): Date => new Date(now.getTime() + minutes * 60_000);
  const chain = createTezosChain({ genesis, protocols: [protocol], now: clock });
  const node = await openTezosNode(chain);
  const nodes = octez.topology(spec);
  const access: NetworkAccess = {
    region: "local",
    dial: async () => ({ host: node.host, port: node.port }),
    observations: nodes.map(({ name }) => ({ node: name, state: "running", incarnation: 1 })),
    signal: new AbortController().signal,
    now: clock(),
  };
  const inspection = octez.inspection?.(spec, material, {}) ?? {};
  const ordered = { chainId: spec.chainId, framework: "octez", version, settings: spec.settings, inspection };
  const view = await octez.inspect({ chain: ordered, nodes, previous: null, access, signer });
  const [step] = octez.steps(spec, material, view, clock(), {});
  if (step === undefined) throw new Error("nothing activates the chain");
  await octez.actions[step.action]?.({ step, chain: ordered, access, signer, signal: access.signal });
  return {
    chain,
    node,
    genesis,
    protocol,
    bake: (): void => {
      minutes += 1;
      chain.bake();
    },
  };
};
