import list from "./public-chain-ids.json" with { type: "json" };

const ids = new Set(list.ids.split(" ").map(Number));

/** What the list is taken from. A chain that is on no list, or came after it, is not known. */
export const publicChainsSource: string = list.source;

/** Whether a public network has the id, or tools take it for a development chain's own: what is signed there would hold. */
export const isPublicChain = (chainId: number): boolean => ids.has(chainId);
