import { describe, expect, it } from "vitest";
import { checkQuota, defaultQuotaLimits, quotaNames, quotaOverridesSchema, toQuotaLimits } from "./quota.ts";

const limits = toQuotaLimits({ chains: 3, nodes: 10 });

describe("checkQuota", () => {
  it("says used and after for each name that the change touches, in the order of the names", () => {
    expect(checkQuota(limits, { chains: 2, nodes: 9, apps: 1 }, { nodes: 2, chains: 1 })).toEqual([
      { name: "chains", limit: 3, used: 2, after: 3, isExceeded: false },
      { name: "nodes", limit: 10, used: 9, after: 11, isExceeded: true },
    ]);
  });

  it("lets who is over a lowered limit shrink and stay", () => {
    const over = checkQuota(limits, { chains: 9 }, { chains: -1 });
    expect(over).toEqual([{ name: "chains", limit: 3, used: 9, after: 8, isExceeded: false }]);
    expect(checkQuota(limits, { chains: 9 }, { chains: 0 })[0]?.isExceeded).toBe(false);
    expect(checkQuota(limits, { chains: 9 }, { chains: 1 })[0]?.isExceeded).toBe(true);
  });

  it("takes nothing used as 0 and refuses fractions", () => {
    expect(checkQuota(limits, {}, { chains: 4 })[0]).toMatchObject({ used: 0, after: 4, isExceeded: true });
    expect(() => checkQuota(limits, { chains: 0.5 }, { chains: 1 })).toThrow(RangeError);
    expect(() => checkQuota(limits, {}, { storageBytes: Number.MAX_SAFE_INTEGER + 1 })).toThrow(RangeError);
  });
});

describe("limits", () => {
  it("are the defaults where the tenant has none, 0 included as a limit", () => {
    const own = toQuotaLimits({ apps: 0 });
    expect(own.apps).toBe(0);
    for (const name of quotaNames.filter((each) => each !== "apps")) expect(own[name]).toBe(defaultQuotaLimits[name]);
  });

  it.each([{ apps: -1 }, { apps: 1.5 }, { apps: "3" }, { coffees: 1 }])("are refused as %j", (overrides) => {
    expect(quotaOverridesSchema.safeParse(overrides).success).toBe(false);
  });
});
