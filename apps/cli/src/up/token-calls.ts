const word = (value: bigint): string => value.toString(16).padStart(64, "0");

const text = (value: string): string => {
  const hex = Buffer.from(value, "utf8").toString("hex");
  return word(BigInt(hex.length / 2)) + hex.padEnd(Math.ceil(hex.length / 64) * 64, "0");
};

/**
 * The data of a transaction that makes the quickstart's token: creation code and `constructor(string,string,uint256)`'s
 * arguments in the contract ABI's encoding. `supply` in its smallest units.
 */
export const tokenCreation = (bytecode: string, name: string, symbol: string, supply: bigint): string => {
  const nameTail = text(name);
  const headBytes = 3n * 32n;
  const symbolAt = headBytes + BigInt(nameTail.length / 2);
  const code = bytecode.startsWith("0x") ? bytecode : `0x${bytecode}`;
  return code + word(headBytes) + word(symbolAt) + word(supply) + nameTail + text(symbol);
};

/** First four bytes of keccak-256 of `totalSupply()`. */
export const totalSupplySelector = "0x18160ddd";
