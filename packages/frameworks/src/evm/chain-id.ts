/**
 * Where the plane's own chain ids begin. With `serial` (unique in the plane, never reused) they are unique, far below
 * 2^52 (EIP-2294 bounds ids so that `2 * id + 36` stays exact in doubles), and in a range where the public lists
 * (ethereum-lists/chains) have no entry. An id per chain is what keeps a transaction signed for one from being
 * replayed on another.
 */
export const firstChainId = 7_300_000_000;

/** The id that a chain has unless its tenant may choose one. */
export const planeChainId = ({ serial }: { serial: number }): number => firstChainId + serial;

/** What a chain with an id of its tenant's choice claims in the plane. */
export const evmChainIdClaim = (chainId: number): string => `evm-chain-id/${chainId}`;
