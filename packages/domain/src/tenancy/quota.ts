import { z } from "zod";

/** `…PerApp` are counted inside one app, the others over the tenant. */
export const quotaNames = ["apps", "keysPerApp", "chains", "chainsPerApp", "nodes", "storageBytes"] as const;
export type QuotaName = (typeof quotaNames)[number];

const amountSchema = z.int().min(0);

/** A tenant's own limits; what is not named falls back to the default. */
export const quotaOverridesSchema = z.strictObject({
  apps: amountSchema.optional(),
  keysPerApp: amountSchema.optional(),
  chains: amountSchema.optional(),
  chainsPerApp: amountSchema.optional(),
  nodes: amountSchema.optional(),
  storageBytes: amountSchema.optional(),
});
export type QuotaOverrides = z.infer<typeof quotaOverridesSchema>;

export type QuotaLimits = { readonly [name in QuotaName]: number };
export type QuotaAmounts = { readonly [name in QuotaName]?: number };

export const defaultQuotaLimits: QuotaLimits = {
  apps: 20,
  keysPerApp: 10,
  chains: 50,
  chainsPerApp: 20,
  nodes: 100,
  // Two Fabric networks of the plan `standard`, each with two peers for each of two organisations.
  storageBytes: 500 * 2 ** 30,
};

/** The limits in force: the defaults with the tenant's own over them. */
export const toQuotaLimits = (overrides: QuotaOverrides, defaults: QuotaLimits = defaultQuotaLimits): QuotaLimits => ({
  apps: overrides.apps ?? defaults.apps,
  keysPerApp: overrides.keysPerApp ?? defaults.keysPerApp,
  chains: overrides.chains ?? defaults.chains,
  chainsPerApp: overrides.chainsPerApp ?? defaults.chainsPerApp,
  nodes: overrides.nodes ?? defaults.nodes,
  storageBytes: overrides.storageBytes ?? defaults.storageBytes,
});

export interface QuotaLine {
  name: QuotaName;
  limit: number;
  used: number;
  after: number;
  isExceeded: boolean;
}

const toCount = (value: number, what: string): number => {
  if (!Number.isSafeInteger(value)) throw new RangeError(`${what} is not a whole number.`);
  return value;
};

/**
 * One line for each name in `add`, in the order of `quotaNames`. A line is exceeded only when the change makes it
 * grow past the limit: who is already over (a limit was lowered) may still shrink or change what does not grow.
 */
export const checkQuota = (limits: QuotaLimits, used: QuotaAmounts, add: QuotaAmounts): QuotaLine[] => {
  const lines: QuotaLine[] = [];
  for (const name of quotaNames) {
    const more = add[name];
    if (more === undefined) continue;
    const before = toCount(used[name] ?? 0, name);
    const after = toCount(before + toCount(more, name), name);
    lines.push({ name, limit: limits[name], used: before, after, isExceeded: more > 0 && after > limits[name] });
  }
  return lines;
};
