import type { ChainSpec, PlanFacts } from "@portolan/domain";

interface OctezLimits {
  readonly [name: string]: number;
  /** Of each node; a baker's two programs share it. */
  cpuMillis: number;
  memoryBytes: number;
  storageBytes: number;
  unitsPerSecond: number;
  maxBakers: number;
  maxRpcNodes: number;
}

const mebibyte = 1_048_576;

/** A node and baker of a public network take 8 GB and three cores; a private chain with little on it a part of that. */
const limits: { readonly [plan: string]: OctezLimits } = {
  dev: {
    cpuMillis: 500,
    memoryBytes: 1_024 * mebibyte,
    storageBytes: 5_120 * mebibyte,
    unitsPerSecond: 1_000,
    maxBakers: 1,
    maxRpcNodes: 1,
  },
  standard: {
    cpuMillis: 1_000,
    memoryBytes: 3_072 * mebibyte,
    storageBytes: 20_480 * mebibyte,
    unitsPerSecond: 5_000,
    maxBakers: 3,
    maxRpcNodes: 2,
  },
  premium: {
    cpuMillis: 3_000,
    memoryBytes: 8_192 * mebibyte,
    storageBytes: 51_200 * mebibyte,
    unitsPerSecond: 20_000,
    maxBakers: 3,
    maxRpcNodes: 4,
  },
};

export const octezPlans: readonly PlanFacts[] = [
  { plan: "dev", title: "Development", recoveryWindowSeconds: 0, limits: limits["dev"] ?? {} },
  { plan: "standard", title: "Standard", recoveryWindowSeconds: 86_400, limits: limits["standard"] ?? {} },
  { plan: "premium", title: "Premium", recoveryWindowSeconds: 604_800, limits: limits["premium"] ?? {} },
];

/** Throws on a plan that `octezPlans` does not have: the API refuses such a spec before. */
export const limitsOf = (spec: Pick<ChainSpec, "plan">): OctezLimits => {
  const found = Object.hasOwn(limits, spec.plan) ? limits[spec.plan] : undefined;
  if (found === undefined) throw new Error(`no such octez plan: ${spec.plan}`);
  return found;
};
