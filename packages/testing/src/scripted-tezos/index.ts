export type { Parameters as TezosParameters } from "./activation.ts";
export {
  createTezosChain,
  type TezosAccount,
  type TezosBlock,
  type TezosChain,
  type TezosChainOptions,
  type TezosGenesis,
} from "./chain.ts";
export { openTezosNode, type TezosFault, type TezosNode, type TezosNodeOptions } from "./node.ts";
