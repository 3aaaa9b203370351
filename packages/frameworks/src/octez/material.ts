import type { ChainSpec, MaterialItem, NewMaterialItem, Random, Signer } from "@portolan/domain";
import { toChainId, toGenesisHash } from "./encoding/chain-id.ts";
import { fromPem, type PublicKeyFacts, toKeyPair } from "./encoding/ed25519-key.ts";
import { toIdentity } from "./encoding/identity.ts";
import { findItem, type GenesisFacts, materialNames } from "./names.ts";
import { toParameters } from "./parameters.ts";
import { findProtocol, genesisProtocol } from "./protocols/known-protocols.ts";
import type { ProtocolData } from "./protocols/protocol-data.ts";
import { readSettings } from "./settings.ts";
import { roles, topology } from "./topology.ts";

const encode = (text: string): Uint8Array => new TextEncoder().encode(text);
const item = { version: 1, owner: "plane" } as const;

/** The protocol that the chain was made with. Throws on one that the review lets nobody choose. */
export const protocolOf = (spec: Pick<ChainSpec, "settings">): ProtocolData => {
  const { protocol } = readSettings(spec.settings);
  const found = findProtocol(protocol);
  if (found === undefined) throw new Error(`the protocol ${protocol} is not known`);
  return found;
};

const makeIdentity = (node: string, random: Random): NewMaterialItem => {
  const identity = toIdentity(random.bytes(32), random.bytes(24));
  return {
    ...item,
    name: materialNames.identity(node),
    kind: "key",
    public: { peerId: identity.peer_id, publicKey: identity.public_key },
    hasSecret: true,
    secret: encode(JSON.stringify(identity)),
  };
};

const makeBakerKey = (node: string, random: Random): NewMaterialItem => {
  const { secretKey, ...facts } = toKeyPair(random.bytes(32));
  const secretKeysFile = JSON.stringify([{ name: node, value: `unencrypted:${secretKey}` }]);
  return {
    ...item,
    name: materialNames.bakerKey(node),
    kind: "key",
    public: facts,
    hasSecret: true,
    secret: encode(JSON.stringify({ secretKey, secretKeysFile })),
  };
};

/** A name that no other chain has, from which its block 0 and its id are made. */
const toGenesis = (spec: Pick<ChainSpec, "chainId">, now: Date, activator: string): GenesisFacts => {
  const timestamp = `${now.toISOString().slice(0, 19)}Z`;
  const chainName = `TEZOS_PORTOLAN_${spec.chainId.toUpperCase()}_${timestamp}`;
  const block = toGenesisHash(chainName);
  return { chainName, block, chainId: toChainId(block), protocol: genesisProtocol, timestamp, activator };
};

const publicKeyIn = (items: readonly MaterialItem[], name: string): string => {
  const facts = findItem(items, name)?.public as PublicKeyFacts | undefined;
  if (facts === undefined) throw new Error(`there is no ${name}`);
  return facts.publicKey;
};

const withoutSecret = ({ secret: _secret, ...rest }: NewMaterialItem): MaterialItem => rest;

/**
 * Identities and bakers' keys of the nodes, the activator's key (in custody), genesis and the protocol's parameters, each
 * made once. A later node gets an identity; nothing else of a chain that has begun is ever made again.
 */
export const makeMaterial = async (
  spec: ChainSpec,
  existing: readonly MaterialItem[],
  { signer, random, now }: { signer: Signer; random: Random; now: Date },
): Promise<NewMaterialItem[]> => {
  const nodes = topology(spec);
  const made: NewMaterialItem[] = [];
  const has = (name: string): boolean => findItem(existing, name) !== undefined;
  const add = (name: string, make: () => NewMaterialItem): void => {
    if (!has(name)) made.push(make());
  };
  for (const { name } of nodes) add(materialNames.identity(name), () => makeIdentity(name, random));
  const bakers = nodes.filter(({ role }) => role === roles.baker).map(({ name }) => name);
  if (has(materialNames.genesis) && !bakers.every((name) => has(materialNames.bakerKey(name))))
    throw new Error("a baker's key is missing that the chain's beginning names");
  for (const name of bakers) add(materialNames.bakerKey(name), () => makeBakerKey(name, random));
  if (!has(materialNames.activator)) {
    const { publicKey } = await signer.createKey(materialNames.activator, "ed25519");
    made.push({ ...item, name: materialNames.activator, kind: "key", public: fromPem(publicKey), hasSecret: false });
  }
  const all = [...existing, ...made.map(withoutSecret)];
  add(materialNames.genesis, () => ({
    ...item,
    name: materialNames.genesis,
    kind: "genesis",
    public: toGenesis(spec, now, publicKeyIn(all, materialNames.activator)),
    hasSecret: false,
  }));
  add(materialNames.parameters, () => {
    const protocol = protocolOf(spec);
    const keys = bakers.map((name) => ({ publicKey: publicKeyIn(all, materialNames.bakerKey(name)) }));
    const parameters = toParameters(protocol, readSettings(spec.settings), keys);
    const facts = { protocol: protocol.hash, parameters };
    return { ...item, name: materialNames.parameters, kind: "genesis", public: facts, hasSecret: false };
  });
  return made;
};
