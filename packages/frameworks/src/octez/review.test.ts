import type { ChainSpec, JsonObject } from "@portolan/domain";
import { describe, expect, test } from "vitest";
import { octezSpec } from "../../test/octez-spec.ts";
import { review, reviewUpdate } from "./review.ts";
import { octezSettings } from "./settings.ts";

const bootstrap1 = {
  address: "tz1KqTpEZ7Yob7QbPE4Hy4Wo8fHG8LhKxZSx",
  publicKey: "edpkuBknW28nW72KG6RoHtYW7p12T6GKc7nAbwYX5m8Wd9sDVC9yav",
};

/** Every problem has a code and a hint: that is what the quote shows. */
const refused = (settings: JsonObject, wish: Partial<ChainSpec> = {}) => {
  const problems = review(octezSpec(settings, wish));
  for (const { code, hint } of problems) {
    expect(code).toBe("chain.settings_invalid");
    expect(hint).toEqual(expect.any(String));
  }
  return problems.map(({ path, message }) => [path, message]);
};

describe("at the quote", () => {
  test("what is right is taken: by name, by hash, in every plan", () => {
    for (const plan of ["dev", "standard", "premium"]) expect(refused({}, { plan })).toEqual([]);
    expect(
      refused({
        protocol: "PsUshuai9QapM5TGj1JpuVGkdxz5GykdnEvS6Rh8SUVrARvZLCY",
        bakers: 3,
        rpcNodes: 2,
        bakerStakeTez: "6000",
        accounts: [{ address: bootstrap1.address, balanceTez: "1" }],
      }),
    ).toEqual([]);
  });

  test.each(["PtTALLiNtPec7mE7yY4m3k26J8Qukef3E3ehzhfXgFZKGtDdAXu", "tallinn"])(
    "a protocol whose constants nobody here knows is refused: %s",
    (protocol) => {
      expect(refused({ protocol })).toEqual([["settings.protocol", expect.stringContaining(protocol)]]);
      expect(review(octezSpec({ protocol }))[0]?.hint).toContain("ushuaia (PsUshuai9");
    },
  );

  test("a baker without stake, or with less than has rights", () => {
    expect(refused({ bakerStakeTez: "0" })).toEqual([
      ["settings.bakerStakeTez", expect.stringContaining("A baker with no stake has no rights")],
    ]);
    expect(refused({ bakerStakeTez: "5999.999999" })).toEqual([
      ["settings.bakerStakeTez", expect.stringContaining("5999.999999 tez has no rights")],
    ]);
    expect(refused({ bakerStakeTez: "600", constants: { minimalStakeTez: "600" } })).toEqual([]);
    // The protocol has a second bound, for what a baker itself puts at stake.
    expect(refused({ bakerStakeTez: "599", constants: { minimalStakeTez: "1" } })).toEqual([
      ["settings.bakerStakeTez", expect.stringContaining("600 tez")],
    ]);
    const hintOf = (settings: JsonObject) => review(octezSpec(settings))[0]?.hint;
    expect(hintOf({ bakerStakeTez: "0" })).toBe(
      "Give each baker 6000 tez or more, or lower constants.minimalStakeTez.",
    );
    expect(hintOf({ bakerStakeTez: "0", constants: { minimalStakeTez: "1" } })).toBe(
      "Give each baker 600 tez or more.",
    );
  });

  test("amounts that overflow, alone and together", () => {
    expect(refused({ bakerStakeTez: "1000000000001" })).toEqual([
      ["settings.bakerStakeTez", expect.stringContaining("1000000000001 tez together")],
    ]);
    expect(refused({ bakers: 3, bakerStakeTez: "400000000000" })).toHaveLength(1);
    const accounts = [{ address: bootstrap1.address, balanceTez: "9223372036854775807" }];
    expect(refused({ accounts })).toEqual([["settings.accounts", expect.stringContaining("63 bits")]]);
    const most = [{ address: bootstrap1.address, balanceTez: "999996000000" }];
    expect(refused({ accounts: most })).toEqual([]);
  });

  test("an account twice, once by its address and once by its key", () => {
    const accounts = [
      { address: bootstrap1.address, balanceTez: "1" },
      { publicKey: bootstrap1.publicKey, balanceTez: "1" },
    ];
    expect(refused({ accounts })).toEqual([["settings.accounts.1", expect.stringContaining(bootstrap1.address)]]);
  });

  test("constants that contradict each other are named as the settings have them", () => {
    expect(refused({ constants: { blocksPerCycle: 16 } })).toEqual([
      ["settings.constants.nonceRevelationThreshold", expect.stringContaining("16")],
    ]);
    expect(refused({ constants: { consensusThresholdSize: 300 } })).toEqual([
      ["settings.constants.consensusThresholdSize", expect.stringContaining("256")],
    ]);
    expect(refused({ constants: { blocksPerCycle: 16, nonceRevelationThreshold: 8 } })).toEqual([]);
  });

  test("more nodes than the plan has", () => {
    expect(refused({ bakers: 2, rpcNodes: 2 }, { plan: "dev" }).map(([path]) => path)).toEqual([
      "settings.bakers",
      "settings.rpcNodes",
    ]);
  });

  test.each([
    ["no baker", { bakers: 0 }],
    ["no RPC node", { rpcNodes: 0 }],
    ["a damaged address", { accounts: [{ address: `${bootstrap1.address.slice(0, -1)}y`, balanceTez: "1" }] }],
    ["a contract", { accounts: [{ address: "KT1PWx2mnDueood7fEmfbBDKx1D9BAnnXitn", balanceTez: "1" }] }],
    ["an account by both", { accounts: [{ ...bootstrap1, balanceTez: "1" }] }],
    ["an account by nothing", { accounts: [{ balanceTez: "1" }] }],
    ["a balance of seven decimals", { accounts: [{ address: bootstrap1.address, balanceTez: "0.0000001" }] }],
    ["a negative stake", { bakerStakeTez: "-1" }],
    ["a constant of another name", { constants: { blocks_per_cycle: 8 } }],
    ["a round that gets no longer", { constants: { delayIncrementPerRound: 0 } }],
  ])("settings of another form are refused before: %s", (_, settings) => {
    expect(octezSettings.safeParse(settings).success).toBe(false);
  });
});

describe("a chain that is there", () => {
  const change = (before: JsonObject, after: JsonObject): string[] =>
    reviewUpdate(octezSpec(before), octezSpec(after)).map(({ path }) => path);

  test("may get and lose RPC nodes, and the same protocol by its other name", () => {
    expect(change({}, { rpcNodes: 2, protocol: "PsUshuai9QapM5TGj1JpuVGkdxz5GykdnEvS6Rh8SUVrARvZLCY" })).toEqual([]);
    expect(change({ rpcNodes: 2 }, { rpcNodes: 1, historyCycles: 9 })).toEqual([]);
  });

  test("keeps what it began with", () => {
    expect(change({}, { bakers: 3 })).toEqual(["settings.bakers"]);
    expect(change({}, { bakerStakeTez: "5000000" })).toEqual(["settings.bakerStakeTez"]);
    expect(change({}, { constants: { minimalBlockDelay: 9 } })).toEqual(["settings.constants"]);
    expect(change({}, { accounts: [{ address: bootstrap1.address, balanceTez: "1" }] })).toEqual(["settings.accounts"]);
    expect(change({}, { protocol: "tallinn" })).toEqual(["settings.protocol"]);
  });

  test("can drop history and never get it back", () => {
    expect(change({ historyMode: "archive" }, { historyMode: "full" })).toEqual([]);
    expect(change({ historyMode: "full" }, { historyMode: "rolling" })).toEqual([]);
    for (const [before, after] of [
      ["rolling", "full"],
      ["rolling", "archive"],
      ["full", "archive"],
    ])
      expect(change({ historyMode: before ?? "" }, { historyMode: after ?? "" })).toEqual(["settings.historyMode"]);
  });
});
