import type { ChainSpec, MaterialItem, NewMaterialItem, Random } from "@portolan/domain";
import { toGenesis } from "./genesis.ts";
import { materialNames, nodeOfKey } from "./names.ts";
import { identityOf, randomNodeKey, toNodeKey } from "./node-key.ts";
import { evmChainId, readSettings } from "./settings.ts";
import { roles, topology, validatorName, validatorOrdinals } from "./topology.ts";

const item = { version: 1, owner: "plane" } as const;

const makeNodeKey = (node: string, random: Random): NewMaterialItem => {
  const { file, identity } = toNodeKey(randomNodeKey(random));
  return {
    ...item,
    name: materialNames.nodeKey(node),
    kind: "key",
    public: identity,
    hasSecret: true,
    secret: new TextEncoder().encode(file),
  };
};

/** Whoever is a validator when the chain is made is one in block 0; all others are voted in. */
const makeGenesis = (spec: ChainSpec, keys: readonly Pick<MaterialItem, "name" | "public">[], now: Date) => {
  const validators = validatorOrdinals(spec).map((ordinal) => {
    const identity = identityOf(keys, validatorName(ordinal));
    if (identity === undefined) throw new Error(`${validatorName(ordinal)} has no key`);
    return identity.address;
  });
  return toGenesis({ chainId: evmChainId(spec), settings: readSettings(spec.settings), validators, madeAt: now });
};

/**
 * A key for each node that has none, once and for life, and the genesis with the first ones. It is never made again: with
 * another genesis the chain would be another chain. Where it is gone though nodes have keys, it throws rather than making
 * one that none of their ledgers has.
 */
export const makeMaterial = (
  spec: ChainSpec,
  existing: readonly MaterialItem[],
  context: { random: Random; now: Date },
): NewMaterialItem[] => {
  const made = topology(spec)
    .filter(({ name }) => identityOf(existing, name) === undefined)
    .map(({ name }) => makeNodeKey(name, context.random));
  if (existing.some(({ name }) => name === materialNames.genesis)) return made;
  const isNew = !existing.some(({ name }) => name.startsWith(`node/${roles.validator}-`));
  if (!isNew) throw new Error("material is incomplete: validators have keys and there is no genesis");
  const genesis = makeGenesis(spec, [...existing, ...made], context.now);
  return [...made, { ...item, name: materialNames.genesis, kind: "genesis", public: genesis, hasSecret: false }];
};

/** Address of each node that ever had a key, by its name: those that left are known too. */
export const addressesOfNodes = (material: readonly MaterialItem[]): { [node: string]: string } =>
  Object.fromEntries(
    material.flatMap(({ name }) => {
      const node = nodeOfKey(name);
      const identity = node === undefined ? undefined : identityOf(material, node);
      return node === undefined || identity === undefined ? [] : [[node, identity.address]];
    }),
  );
