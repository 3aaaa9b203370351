type Json = { [member: string]: unknown };

/** The forks that both nodes know; the other one stops before London. */
const forks = [
  ...["homesteadBlock", "eip150Block", "eip155Block", "eip158Block", "byzantiumBlock", "constantinopleBlock"],
  ...["petersburgBlock", "istanbulBlock", "berlinBlock"],
];

const isObject = (value: unknown): value is Json => typeof value === "object" && value !== null;

const objectAt = (from: Json, member: string): Json => {
  const value = from[member];
  if (!isObject(value)) throw new Error(`the genesis has no ${member}`);
  return value;
};

/** Kibibytes of code that a contract may have: the other node takes 24 to 128. */
const toCodeSize = (bytes: unknown): number =>
  Math.max(24, Math.min(128, Math.ceil((typeof bytes === "number" ? bytes : 24_576) / 1_024)));

/**
 * Besu's genesis as GoQuorum reads it: the same chain id, validators (`extraData`), accounts, block period and gas limit.
 * What it can't say is left out: the rules from London on, and a price for gas. Throws where the original is none of QBFT.
 */
export const toQuorumGenesis = (original: unknown): { chainId: number; gasLimit: number; genesis: Json } => {
  if (!isObject(original)) throw new Error("the genesis is no object");
  const config = objectAt(original, "config");
  const qbft = objectAt(config, "qbft");
  if (config["londonBlock"] === undefined)
    throw new Error("the genesis has no londonBlock, so that gas is not free by it");
  const chainId = Number(config["chainId"]);
  return {
    chainId,
    gasLimit: Number(original["gasLimit"]),
    genesis: {
      ...original,
      config: {
        ...Object.fromEntries(forks.map((fork) => [fork, 0])),
        chainId,
        isQuorum: true,
        txnSizeLimit: 64,
        maxCodeSizeConfig: [{ block: 0, size: toCodeSize(config["contractSizeLimit"]) }],
        qbft: {
          blockperiodseconds: qbft["blockperiodseconds"],
          epochlength: qbft["epochlength"],
          requesttimeoutseconds: qbft["requesttimeoutseconds"],
          policy: 0,
          ceil2Nby3Block: 0,
        },
      },
      baseFeePerGas: undefined,
    },
  };
};
