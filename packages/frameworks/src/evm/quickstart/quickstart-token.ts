import token from "./token/token.json" with { type: "json" };

export interface CompiledContract {
  contract: string;
  /** Version of the compiler, as it says it itself. */
  compiler: string;
  settings: unknown;
  abi: readonly unknown[];
  /** Creation code, 0x text; constructor arguments (name, symbol, supply) are appended to it. */
  bytecode: string;
}

/** The token contract that the first chain is shown with: `token/Token.sol`, compiled. A test rebuilds it. */
export const quickstartToken: CompiledContract = token;
