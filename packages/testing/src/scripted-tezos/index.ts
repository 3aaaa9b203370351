export type { Parameters as TezosParameters } from "./activation.ts";
export type { TezosAccount, TezosBlock, TezosGenesis } from "./block.ts";
export { createTezosChain, type TezosChain, type TezosChainOptions } from "./chain.ts";
export { openTezosNode, type TezosFault, type TezosNode, type TezosNodeOptions } from "./node.ts";
