import { canonicalJson } from "@portolan/domain";
import { describe, expect, it } from "vitest";
import { anvilSpec, seededRandom } from "../test/anvil-spec.ts";
import { anvil } from "./anvil/anvil.ts";
import { defaultVersion, parseStandby, toStandbyTarget } from "./standby.ts";

const entry = { framework: "anvil", plan: "dev", region: "local", count: 2 };

describe("the operator's list", () => {
  it("is parsed, and refused with a sentence that says its form", () => {
    expect(parseStandby("[]")).toEqual([]);
    expect(parseStandby(JSON.stringify([entry, { ...entry, version: "1.7.1", count: 0 }]))).toHaveLength(2);
    for (const wrong of [
      {},
      [{ ...entry, count: -1 }],
      [{ ...entry, count: 51 }],
      [{ ...entry, size: 1 }],
      [entry, entry],
    ]) {
      expect(() => parseStandby(JSON.stringify(wrong))).toThrow(/PORTOLAN_STANDBY is a list of \{ framework/);
    }
    expect(() => parseStandby("anvil")).toThrow(/not JSON/);
  });

  it("means today's version and the settings' defaults", () => {
    const target = toStandbyTarget(entry, () => anvil);
    expect(target).toMatchObject({ version: defaultVersion(anvil), plan: "dev", region: "local", count: 2 });
    expect(target?.settings).toEqual(anvil.settings.parse({}));
  });

  it("has no chain to stand by for what can't be made of defaults alone", () => {
    expect(toStandbyTarget(entry, () => undefined)).toBeNull();
    expect(toStandbyTarget({ ...entry, version: "0.0.1" }, () => anvil)).toBeNull();
    expect(toStandbyTarget({ ...entry, plan: "none" }, () => anvil)).toBeNull();
    expect(toStandbyTarget(entry, () => ({ ...anvil, sharing: ["shared"] }))).toBeNull();
  });
});

it("anvil makes nothing of whose chain it is or what it is called: an adopted one needs no restart", async () => {
  const spec = anvilSpec();
  const signer = { createKey: () => Promise.reject(new Error()), sign: () => Promise.reject(new Error()) };
  const operator = { forks: [] };
  const render = async (owner: { tenantId: string; name: string }) => {
    const own = { ...spec, ...owner };
    const nodes = anvil.topology(own);
    const addresses = Object.fromEntries(
      own.regions.map((region) => [
        region,
        nodes.flatMap((node) =>
          node.ports.map((port, index) => ({
            ...{ node: node.name, port: port.name, host: "127.0.0.1", number: 1_000 + index },
            ...{ bindHost: "127.0.0.1", bindNumber: 1_000 + index },
          })),
        ),
      ]),
    );
    const context = { addresses, signer, random: seededRandom(), now: new Date(0), operator };
    const material = (await anvil.material(own, [], context)).map(({ secret: _secret, ...item }) => item);
    const capabilities = { isolation: "none", hasStorageExpansion: false, hasSnapshots: false, exposures: [] } as const;
    const regions = Object.fromEntries(own.regions.map((region) => [region, { placementId: "plc_1", capabilities }]));
    return canonicalJson([nodes, material, anvil.blueprint(own, material, { regions, addresses, operator })]);
  };
  expect(await render({ tenantId: "ten_operator", name: "stand-by" })).toBe(
    await render({ tenantId: "ten_customer", name: "ledger" }),
  );
});
