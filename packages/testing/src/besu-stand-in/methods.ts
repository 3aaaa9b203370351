import type { NodeRpc, RpcOutcome } from "./rpc.ts";

/** Besu's methods that the other node has under another name, or not at all. */
type Method = (rpc: NodeRpc, params: readonly unknown[]) => Promise<RpcOutcome>;

const resultOf = (outcome: RpcOutcome): unknown => {
  if ("error" in outcome) throw new Error(outcome.error.message);
  return outcome.result;
};

const heightOf = async (rpc: NodeRpc): Promise<number> => Number(resultOf(await rpc.call("eth_blockNumber")));

/** A number of Besu's: hexadecimal digits only, or a name. */
const toHeight = async (rpc: NodeRpc, given: unknown, otherwise: number): Promise<number> => {
  if (given === undefined) return otherwise;
  if (given === "latest" || given === "pending") return heightOf(rpc);
  return given === "earliest" ? 0 : Number(given);
};

const hex = (value: number): string => `0x${value.toString(16)}`;

/** Who proposed which of the last hundred blocks, or of those that are asked for; validators that proposed none too. */
const signerMetrics: Method = async (rpc, params) => {
  const height = await heightOf(rpc);
  const first = await toHeight(rpc, params[0], Math.max(0, height - 99));
  const last = await toHeight(rpc, params[1], height);
  if (last < first) return { error: { code: -32_602, message: "Invalid params" } };
  const numbers = Array.from({ length: Math.min(last - first + 1, 1_000) }, (_, index) => first + index);
  const blocks = await rpc.batch(
    numbers.map((number) => ({ method: "eth_getBlockByNumber", params: [hex(number), false] })),
  );
  const validators = resultOf(await rpc.call("istanbul_getValidators", [hex(last)])) as string[];
  const found = new Map(validators.map((address) => [address.toLowerCase(), { count: 0, last: 0 }]));
  for (const [index, block] of blocks.entries()) {
    const number = numbers[index] ?? 0;
    const miner = (resultOf(block) as { miner?: string } | null)?.miner?.toLowerCase();
    if (miner === undefined || number === 0) continue;
    const entry = found.get(miner) ?? { count: 0, last: 0 };
    found.set(miner, { count: entry.count + 1, last: number });
  }
  const result = [...found].map(([address, { count, last: proposed }]) => ({
    address,
    proposedBlockCount: hex(count),
    lastProposedBlockNumber: hex(proposed),
  }));
  return { result };
};

const isAddress = (value: unknown): boolean => typeof value === "string" && /^0x[0-9a-fA-F]{40}$/.test(value);

const done = (outcome: RpcOutcome): RpcOutcome => ("error" in outcome ? outcome : { result: true });

export const besuMethods: { readonly [name: string]: Method } = {
  qbft_getValidatorsByBlockNumber: (rpc, [block]) => rpc.call("istanbul_getValidators", [block ?? "latest"]),
  qbft_getPendingVotes: (rpc) => rpc.call("istanbul_candidates"),
  qbft_proposeValidatorVote: async (rpc, [address, isAdded]) =>
    isAddress(address) && typeof isAdded === "boolean"
      ? done(await rpc.call("istanbul_propose", [address, isAdded]))
      : { error: { code: -32_602, message: "Invalid params" } },
  qbft_discardValidatorVote: async (rpc, [address]) => done(await rpc.call("istanbul_discard", [address])),
  qbft_getSignerMetrics: signerMetrics,
};
