import { readFileSync } from "node:fs";
import solc from "solc";
import type { CompiledContract } from "../src/evm/quickstart/quickstart-token.ts";

const settings = {
  optimizer: { enabled: true, runs: 200 },
  // The oldest that a chain can be made with: the code runs on all later ones.
  evmVersion: "london",
  // Without it the code ends in a hash of the metadata, which differs by file path.
  metadata: { appendCBOR: false, bytecodeHash: "none" },
  outputSelection: { "*": { "*": ["abi", "evm.bytecode.object"] } },
};

/** Compiles the quickstart's token with npm's solc. Takes some seconds: the compiler is WebAssembly. */
export const compileToken = (): CompiledContract => {
  const content = readFileSync(new URL("../src/evm/quickstart/token/Token.sol", import.meta.url), "utf8");
  const input = { language: "Solidity", sources: { "Token.sol": { content } }, settings };
  const output = JSON.parse(solc.compile(JSON.stringify(input)));
  const problems: { severity: string; formattedMessage: string }[] = output.errors ?? [];
  if (problems.length > 0) throw new Error(problems.map(({ formattedMessage }) => formattedMessage).join("\n"));
  const { abi, evm } = output.contracts["Token.sol"].Token;
  return { contract: "Token", compiler: solc.version(), settings, abi, bytecode: `0x${evm.bytecode.object}` };
};
