import type { ChainView, JsonObject } from "@portolan/domain";
import { seededRandom } from "@portolan/testing";
import { describe, expect, it } from "vitest";
import { octezSigner, octezSpec } from "../../test/octez-spec.ts";
import { makeMaterial } from "./material.ts";
import { findItem, materialNames } from "./names.ts";
import { signers, steps } from "./steps.ts";

const now = new Date("2026-01-01T00:00:00Z");
const spec = octezSpec({ bakers: 3, rpcNodes: 2 }, { regions: ["here", "there"] });
const material = await makeMaterial(spec, [], { signer: octezSigner, random: seededRandom("steps"), now });
const seen = (facts: JsonObject): ChainView => ({ nodes: {}, facts, at: now.toISOString() });
const chain = { chainId: "NetX", genesis: "B" };
const given = findItem(material, materialNames.parameters)?.public as { protocol: string; parameters: JsonObject };

describe("steps", () => {
  it("activate the protocol once, where the first baker is, with the parameters as they were made", () => {
    const found = steps(spec, material, seen({}));
    expect(found).toMatchObject([
      {
        key: "protocol/activate",
        action: "protocol.activate",
        title: "Activate protocol PsUshuai",
        region: "here",
        node: "baker-0",
        dependsOn: [],
        isUndoable: false,
      },
    ]);
    expect(found[0]?.input).toEqual(given);
    expect(steps(spec, material, seen(chain))).toHaveLength(1);
  });
  it("are none once a block was seen, whatever is known of the protocol besides", () => {
    expect(steps(spec, material, seen({ ...chain, isActivated: true }))).toEqual([]);
    expect(steps(spec, material, seen({ ...chain, isActivated: true, protocol: given.protocol }))).toEqual([]);
  });
  it("keep the step where another protocol is in force: it says so", () => {
    expect(steps(spec, material, seen({ ...chain, isActivated: true, protocol: "PtTALLiN" }))).toHaveLength(1);
  });
  it("are none for a chain that was brought here: its blocks come with it", () => {
    expect(steps({ ...spec, isImported: true }, material, seen(chain))).toEqual([]);
  });
  it("are none before there is anything to activate", () => {
    expect(steps(spec, [], seen({}))).toEqual([]);
  });
  it("have one key signed with where the network is, that of the activator", () => {
    expect(signers()).toEqual([materialNames.activator]);
    expect(findItem(material, materialNames.activator)?.hasSecret).toBe(false);
  });
});
