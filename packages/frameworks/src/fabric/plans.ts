import type { ChainSpec, PlanFacts } from "@portolan/domain";

interface FabricLimits {
  readonly [name: string]: number;
  /** Of each peer and orderer. */
  cpuMillis: number;
  memoryBytes: number;
  storageBytes: number;
  unitsPerSecond: number;
  /** Orderers when the settings don't say. */
  orderers: number;
  maxOrganisations: number;
  maxPeersPerOrganisation: number;
  maxChannels: number;
  maxChaincodes: number;
  maxIdentities: number;
}

const mebibyte = 1_048_576;

const limits: { readonly [plan: string]: FabricLimits } = {
  dev: {
    cpuMillis: 250,
    memoryBytes: 512 * mebibyte,
    storageBytes: 2_048 * mebibyte,
    unitsPerSecond: 1_000,
    orderers: 1,
    maxOrganisations: 3,
    maxPeersPerOrganisation: 1,
    maxChannels: 5,
    maxChaincodes: 5,
    maxIdentities: 50,
  },
  standard: {
    cpuMillis: 1_000,
    memoryBytes: 2_048 * mebibyte,
    storageBytes: 30_720 * mebibyte,
    unitsPerSecond: 5_000,
    orderers: 3,
    maxOrganisations: 8,
    maxPeersPerOrganisation: 2,
    maxChannels: 20,
    maxChaincodes: 20,
    maxIdentities: 1_000,
  },
  premium: {
    cpuMillis: 2_000,
    memoryBytes: 4_096 * mebibyte,
    storageBytes: 51_200 * mebibyte,
    unitsPerSecond: 20_000,
    orderers: 5,
    maxOrganisations: 16,
    maxPeersPerOrganisation: 4,
    maxChannels: 50,
    maxChaincodes: 50,
    maxIdentities: 10_000,
  },
};

export const fabricPlans: readonly PlanFacts[] = [
  { plan: "dev", title: "Development", recoveryWindowSeconds: 0, limits: limits["dev"] ?? {} },
  { plan: "standard", title: "Standard", recoveryWindowSeconds: 86_400, limits: limits["standard"] ?? {} },
  { plan: "premium", title: "Premium", recoveryWindowSeconds: 604_800, limits: limits["premium"] ?? {} },
];

/** Throws on a plan that `fabricPlans` does not have: the API refuses such a spec before. */
export const limitsOf = (spec: Pick<ChainSpec, "plan">): FabricLimits => {
  const found = Object.hasOwn(limits, spec.plan) ? limits[spec.plan] : undefined;
  if (found === undefined) throw new Error(`no such Fabric plan: ${spec.plan}`);
  return found;
};

/** BFT has no smaller size than four. */
export const defaultOrderers = (plan: string, consensus: "raft" | "bft"): number =>
  consensus === "bft" ? 4 : limitsOf({ plan }).orderers;
