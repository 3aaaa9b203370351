import type { ChainSpec, PlanFacts } from "@portolan/domain";

interface AnvilLimits {
  readonly [name: string]: number;
  cpuMillis: number;
  memoryBytes: number;
  storageBytes: number;
  unitsPerSecond: number;
  stateIntervalSeconds: number;
  /** States of past blocks that can be asked for (`eth_call` at a block), the newest first. */
  historyBlocks: number;
  /** Blocks whose transactions and receipts are kept. */
  transactionBlocks: number;
}

const mebibyte = 1_048_576;

const limits: { readonly [plan: string]: AnvilLimits } = {
  dev: {
    cpuMillis: 250,
    memoryBytes: 512 * mebibyte,
    storageBytes: 1_024 * mebibyte,
    unitsPerSecond: 1_000,
    stateIntervalSeconds: 5,
    historyBlocks: 256,
    transactionBlocks: 20_000,
  },
  standard: {
    cpuMillis: 1_000,
    memoryBytes: 2_048 * mebibyte,
    storageBytes: 10_240 * mebibyte,
    unitsPerSecond: 5_000,
    stateIntervalSeconds: 2,
    historyBlocks: 1_024,
    transactionBlocks: 100_000,
  },
};

export const anvilPlans: readonly PlanFacts[] = [
  { plan: "dev", title: "Development", recoveryWindowSeconds: 0, limits: limits["dev"] ?? {} },
  { plan: "standard", title: "Standard", recoveryWindowSeconds: 86_400, limits: limits["standard"] ?? {} },
];

/** Throws on a plan that `anvilPlans` does not have: the API refuses such a spec before. */
export const limitsOf = (spec: Pick<ChainSpec, "plan">): AnvilLimits => {
  const found = Object.hasOwn(limits, spec.plan) ? limits[spec.plan] : undefined;
  if (found === undefined) throw new Error(`no such anvil plan: ${spec.plan}`);
  return found;
};
