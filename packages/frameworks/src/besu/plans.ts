import type { ChainSpec, PlanFacts } from "@portolan/domain";
import { readSettings } from "./settings.ts";

interface BesuLimits {
  readonly [name: string]: number;
  /** Of each node, validators and RPC nodes alike. */
  cpuMillis: number;
  memoryBytes: number;
  storageBytes: number;
  unitsPerSecond: number;
  /** When the settings don't say. */
  validators: number;
  rpcNodes: number;
  maxValidators: number;
  maxRpcNodes: number;
}

const mebibyte = 1_048_576;

/**
 * Besu's own chart gives a node 0.5 CPU and 1 to 2 GB for development; its system requirements ask for a heap of 2 GB and
 * more for production. Four validators are the fewest that survive the loss of one, seven that of two.
 */
const limits: { readonly [plan: string]: BesuLimits } = {
  dev: {
    cpuMillis: 500,
    memoryBytes: 1_024 * mebibyte,
    storageBytes: 5_120 * mebibyte,
    unitsPerSecond: 1_000,
    validators: 1,
    rpcNodes: 1,
    maxValidators: 5,
    maxRpcNodes: 1,
  },
  standard: {
    cpuMillis: 1_000,
    memoryBytes: 4_096 * mebibyte,
    storageBytes: 20_480 * mebibyte,
    unitsPerSecond: 5_000,
    validators: 4,
    rpcNodes: 2,
    maxValidators: 7,
    maxRpcNodes: 3,
  },
  premium: {
    cpuMillis: 2_000,
    memoryBytes: 8_192 * mebibyte,
    storageBytes: 51_200 * mebibyte,
    unitsPerSecond: 20_000,
    validators: 7,
    rpcNodes: 2,
    maxValidators: 10,
    maxRpcNodes: 4,
  },
};

export const besuPlans: readonly PlanFacts[] = [
  { plan: "dev", title: "Development", recoveryWindowSeconds: 0, limits: limits["dev"] ?? {} },
  { plan: "standard", title: "Standard", recoveryWindowSeconds: 86_400, limits: limits["standard"] ?? {} },
  { plan: "premium", title: "Premium", recoveryWindowSeconds: 604_800, limits: limits["premium"] ?? {} },
];

/** Throws on a plan that `besuPlans` does not have: the API refuses such a spec before. */
export const limitsOf = (spec: Pick<ChainSpec, "plan">): BesuLimits => {
  const found = Object.hasOwn(limits, spec.plan) ? limits[spec.plan] : undefined;
  if (found === undefined) throw new Error(`no such Besu plan: ${spec.plan}`);
  return found;
};

/** How many nodes of each role: what the settings say, else what the plan has. */
export const sizeOf = (spec: Pick<ChainSpec, "settings" | "plan">): { validators: number; rpcNodes: number } => {
  const settings = readSettings(spec.settings);
  const plan = limitsOf(spec);
  return { validators: settings.validators ?? plan.validators, rpcNodes: settings.rpcNodes ?? plan.rpcNodes };
};
