import { describe, expect, it } from "vitest";
import { besuSpec } from "../../test/besu-spec.ts";
import { besu } from "./besu.ts";
import { besuSettings } from "./settings.ts";

const [first, second] = [`0x${"aa".repeat(20)}`, `0x${"bb".repeat(20)}`];
const problemsOf = (settings: object, plan = "premium") => besu.review(besuSpec(settings, { plan }), { forks: [] });
const only = (settings: object, plan?: string) => {
  const problems = problemsOf(settings, plan);
  expect(problems).toHaveLength(1);
  const [problem] = problems;
  expect(problem?.code).toBe("chain.settings_invalid");
  expect(problem?.hint).not.toBe("");
  return problem;
};

describe("a wish for a QBFT network", () => {
  it.each([1, 4, 5, 7, 10])("may have %i validators", (validators) => {
    expect(problemsOf({ validators })).toEqual([]);
  });
  it.each([
    [2, "the loss of one stops the chain"],
    [3, "one that errs could make two blocks final"],
  ])("is refused %i validators, which bear none that fails", (validators, why) => {
    expect(only({ validators })).toMatchObject({
      path: "settings.validators",
      message: expect.stringMatching(new RegExp(`2 of them must agree.*${why}`)),
      hint: expect.stringContaining("at least 4"),
    });
  });
  it("is bounded by its plan", () => {
    expect(only({ validators: 7 }, "dev")?.message).toContain("Plan dev has at most 5 validators");
    expect(only({ rpcNodes: 4 }, "standard")?.message).toContain("at most 3 RPC nodes");
  });
  it.each([0, 11, 1.5])("can't have %d validators at all", (validators) => {
    expect(besuSettings.safeParse({ validators }).success).toBe(false);
  });

  it("may give away every wei that there can be, and not one more", () => {
    const most = "115792089237316195423570985008687907853269984665640564039457.584007913129639935";
    const over = "115792089237316195423570985008687907853269984665640564039457.584007913129639936";
    const give = (...balances: string[]) => ({
      allocations: balances.map((balanceEther, index) => ({ address: [first, second][index] ?? "", balanceEther })),
    });
    expect(problemsOf(give(most))).toEqual([]);
    expect(only(give("1", over))).toMatchObject({ path: "settings.allocations.1.balanceEther" });
    expect(only(give(most, "1"))).toMatchObject({ path: "settings.allocations" });
    expect(besuSettings.safeParse(give("-1")).success).toBe(false);
    expect(besuSettings.safeParse(give("1e9")).success).toBe(false);
  });
  it("names an address once, whatever its case", () => {
    const allocations = [first, first.toUpperCase().replace("0X", "0x")].map((address) => ({
      address,
      balanceEther: "1",
    }));
    expect(only({ allocations })?.message).toContain("twice");
    expect(only({ permissions: { accounts: [first, first] } })?.path).toBe("settings.permissions.accounts");
    expect(only({ retiredValidators: [1, 1] })?.path).toBe("settings.retiredValidators");
    expect(besuSettings.safeParse({ allocations: [{ address: "0xaB12", balanceEther: "1" }] }).success).toBe(false);
  });
  it("has somebody who can pay where gas is priced", () => {
    expect(only({ gas: "priced" })?.path).toBe("settings.allocations");
    const allocations = [{ address: first, balanceEther: "1" }];
    expect(problemsOf({ gas: "priced", allocations })).toEqual([]);
    expect(only({ baseFeeWei: 7 })?.path).toBe("settings.baseFeeWei");
    expect(only({ gas: "priced", allocations, permissions: { accounts: [second] } })?.path).toBe(
      "settings.permissions.accounts",
    );
    expect(only({ permissions: { accounts: [] } })?.path).toBe("settings.permissions.accounts");
  });
  it("has no list of nodes where they don't see each other's addresses", () => {
    const spec = besuSpec({ permissions: { nodes: true } });
    expect(besu.review(spec, { forks: [] })).toEqual([]);
    expect(besu.review(spec, { forks: [], isSourceHidden: true })).toMatchObject([
      { path: "settings.permissions.nodes" },
    ]);
  });
  it("shows nobody outside what lets nobody in", () => {
    const closed = { permissions: { nodes: true } };
    expect(only({ ...closed, outside: ["rpc"] })?.path).toBe("settings.outside");
    expect(only({ outside: ["rpc", "rpc"] })?.path).toBe("settings.outside");
    expect(problemsOf({ outside: ["rpc", "validators"] })).toEqual([]);
  });
  it("may have an id of its own, off the public lists and below the plane's numbering", () => {
    expect(problemsOf({ chainId: 424_242 })).toEqual([]);
    expect(besu.claims?.(besuSpec({ chainId: 424_242 }))).toEqual([
      { name: "evm-chain-id/424242", path: "settings.chainId" },
    ]);
    expect(besu.claims?.(besuSpec())).toEqual([]);
    for (const chainId of [1, 11_155_111, 1_337, 31_337])
      expect(only({ chainId })).toMatchObject({
        path: "settings.chainId",
        hint: expect.stringContaining("Leave it out"),
      });
    for (const chainId of [0, -1, 7_300_000_000, 2 ** 53])
      expect(besuSettings.safeParse({ chainId }).success).toBe(false);
  });
  it("waits longer for a block than one takes", () => {
    expect(only({ blockPeriodSeconds: 5, requestTimeoutSeconds: 5 })?.path).toBe("settings.requestTimeoutSeconds");
    expect(problemsOf({ blockPeriodSeconds: 5, requestTimeoutSeconds: 6 })).toEqual([]);
  });
  it("carries no currency only where gas is free and nobody has Ether", () => {
    const currencyOf = (settings: object): string => besu.attributes(besuSpec(settings)).currency;
    const allocations = [{ address: first, balanceEther: "1" }];
    expect(currencyOf({})).toBe("none");
    expect(currencyOf({ allocations })).toBe("test");
    expect(currencyOf({ gas: "priced", allocations })).toBe("test");
  });
  it("has what its plan says, and once it is made keeps it in another", () => {
    const sizeIn = (plan: string) => besu.planDefaults?.({ settings: besuSettings.parse({}), plan });
    expect(sizeIn("dev")).toEqual({ validators: 1, rpcNodes: 1 });
    expect(sizeIn("standard")).toEqual({ validators: 4, rpcNodes: 2 });
    expect(besu.planDefaults?.({ settings: besuSettings.parse({ validators: 5 }), plan: "dev" })).toEqual({
      rpcNodes: 1,
    });
  });
});

describe("a change of a QBFT network", () => {
  const changed = (before: object, after: object) =>
    besu.reviewUpdate?.(besuSpec(before), besuSpec(after)).map(({ path, message }) => `${path}: ${message}`) ?? [];

  it.each([
    ["more validators", { validators: 4 }, { validators: 7 }],
    ["one in another's place", { validators: 4 }, { validators: 4, retiredValidators: [1] }],
    ["one fewer", { validators: 5 }, { validators: 4, retiredValidators: [2] }],
    ["one validator becomes four", { validators: 1 }, { validators: 4 }],
    ["callers' nodes and lists", { rpcNodes: 2 }, { rpcNodes: 1, permissions: { accounts: [first] } }],
  ])("is taken: %s", (_name, before, after) => {
    expect(changed(before, after)).toEqual([]);
  });
  it.each([
    ["blockPeriodSeconds", { blockPeriodSeconds: 9 }],
    ["chainId", { chainId: 424_242 }],
    ["hardfork", { hardfork: "london" }],
    ["gasLimit", { gasLimit: 20_000_000 }],
    ["allocations", { allocations: [{ address: first, balanceEther: "1" }] }],
  ])("can't be one of %s, which stands in the genesis", (name, after) => {
    expect(changed({}, after)).toEqual([expect.stringContaining(`settings.${name}: It stands in the genesis`)]);
  });
  it("takes nobody out whose number it does not name, and brings nobody back", () => {
    expect(changed({ validators: 5 }, { validators: 4 })).toEqual([expect.stringContaining("used again: 4.")]);
    expect(changed({ validators: 4, retiredValidators: [1] }, { validators: 4 })).toEqual(
      expect.arrayContaining([expect.stringContaining("Validator 1 was taken out for good")]),
    );
    expect(changed({ validators: 4 }, { validators: 4, retiredValidators: [9] })).toEqual([
      expect.stringContaining("There are no validators 9"),
    ]);
  });
  it("leaves enough of them to agree on blocks", () => {
    expect(changed({ validators: 4 }, { validators: 4, retiredValidators: [0, 1] })).toEqual([
      expect.stringContaining("Of 4 validators 3 must stay"),
    ]);
    expect(changed({ validators: 1 }, { validators: 1, retiredValidators: [0] })).toEqual([
      expect.stringContaining("Of 1 validators 1 must stay"),
    ]);
  });
});
