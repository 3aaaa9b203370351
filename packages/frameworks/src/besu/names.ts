/** Names of material. One place, so that nobody spells them. */
export const materialNames = {
  /**
   * A node's own key, which a validator seals blocks with: sealed, the text of Besu's key file (64 hexadecimal digits);
   * public, `NodeIdentity`.
   */
  nodeKey: (node: string): string => `node/${node}/key`,
  /** The genesis, made once for the chain's life: public, `GenesisFacts`. */
  genesis: "genesis",
} as const;

/** The node whose key it is; undefined where the item is none. */
export const nodeOfKey = (name: string): string | undefined => /^node\/([a-z0-9-]+)\/key$/.exec(name)?.[1];
