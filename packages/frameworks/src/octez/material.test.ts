import type { ChainSpec, MaterialItem, NewMaterialItem } from "@portolan/domain";
import { getPkhfromPk, validateAddress, validateBlock, validateChain } from "@taquito/utils";
import { describe, expect, test } from "vitest";
import { octezSigner, octezSpec } from "../../test/octez-spec.ts";
import { makeMaterial } from "./material.ts";
import { findItem, type GenesisFacts } from "./names.ts";
import { ushuaia } from "./protocols/ushuaia.ts";

const now = new Date("2026-11-23T12:00:00.500Z");
/** Other bytes each time. */
const random = () => {
  let count = 0;
  return { bytes: (size: number) => Uint8Array.from({ length: size }, () => (count = (count * 5 + 7) & 255)) };
};
const withoutSecret = ({ secret: _secret, ...item }: NewMaterialItem): MaterialItem => item;
const make = (spec: ChainSpec, existing: readonly MaterialItem[] = []) =>
  makeMaterial(spec, existing, { signer: octezSigner, random: random(), now });
const genesisOf = (made: readonly NewMaterialItem[]) => findItem(made, "genesis")?.public as GenesisFacts;
const publicOf = (made: readonly NewMaterialItem[], name: string): unknown => findItem(made, name)?.public;
const secretOf = (made: readonly NewMaterialItem[], name: string): unknown =>
  JSON.parse(new TextDecoder().decode(made.find((item) => item.name === name)?.secret));

describe("what a chain begins with", () => {
  test("an id and a block 0 of its own, never those of Octez' sandbox and so of the main network", async () => {
    const [one, other] = [
      await make(octezSpec()),
      await make(octezSpec({}, { chainId: "chn_01jd0000000000000000000041" })),
    ];
    const facts = genesisOf(one);
    expect([validateBlock(facts.block), validateChain(facts.chainId)]).toEqual([3, 3]);
    expect(facts.chainId).not.toBe(genesisOf(other).chainId);
    expect(facts.chainId).not.toBe("NetXdQprcVkpaWU");
    expect(facts).toMatchObject({
      chainName: "TEZOS_PORTOLAN_CHN_01JD0000000000000000000040_2026-11-23T12:00:00Z",
      timestamp: "2026-11-23T12:00:00Z",
      activator: (publicOf(one, "activator") as { publicKey: string }).publicKey,
    });
  });

  test("parameters in which the bakers are bakers by their keys, and accounts have no key to become one by", async () => {
    const publicKey = "edpkuBknW28nW72KG6RoHtYW7p12T6GKc7nAbwYX5m8Wd9sDVC9yav";
    const spec = octezSpec({ bakers: 2, bakerStakeTez: "7000.5", accounts: [{ publicKey, balanceTez: "12" }] });
    const made = await make(spec);
    const keys = ["baker-0", "baker-1"].map((name) => findItem(made, `baker/${name}/key`)?.public);
    const { protocol, parameters } = publicOf(made, "parameters") as {
      protocol: string;
      parameters: { bootstrap_accounts: [string, string][] };
    };
    expect(protocol).toBe(ushuaia.hash);
    expect(parameters.bootstrap_accounts).toEqual([
      ...keys.map((facts) => [(facts as { publicKey: string }).publicKey, "7000500000"]),
      ["tz1KqTpEZ7Yob7QbPE4Hy4Wo8fHG8LhKxZSx", "12000000"],
    ]);
    expect(Object.keys(parameters).sort()).toEqual(["bootstrap_accounts", ...Object.keys(ushuaia.constants)].sort());
  });

  test("a key for each baker that nobody has in the open, under the name that its program asks for", async () => {
    const made = await make(octezSpec({ bakers: 3 }));
    const keys = made.filter(({ name }) => name.startsWith("baker/"));
    expect(new Set(keys.map((item) => JSON.stringify(item.public))).size).toBe(3);
    for (const { public: facts } of keys) {
      const { publicKey, address } = facts as { publicKey: string; address: string };
      expect(getPkhfromPk(publicKey)).toBe(address);
      expect(validateAddress(address)).toBe(3);
    }
    const { secretKey, secretKeysFile } = secretOf(made, "baker/baker-1/key") as { [name: string]: string };
    expect(secretKey).toMatch(/^edsk\w{50}$/);
    expect(JSON.parse(secretKeysFile ?? "")).toEqual([{ name: "baker-1", value: `unencrypted:${secretKey}` }]);
    expect(JSON.stringify(made.map(withoutSecret))).not.toContain("edsk");
  });

  test("an identity for each node, which is its identity file as it is", async () => {
    const made = await make(octezSpec());
    const identity = secretOf(made, "node/rpc-0/identity") as { [name: string]: string };
    expect(Object.keys(identity)).toEqual(["peer_id", "public_key", "secret_key", "proof_of_work_stamp"]);
    expect(findItem(made, "node/rpc-0/identity")?.public).toEqual({
      peerId: identity["peer_id"],
      publicKey: identity["public_key"],
    });
  });
});

describe("later", () => {
  test("a new RPC node gets an identity and nothing else is made", async () => {
    const made = (await make(octezSpec())).map(withoutSecret);
    const more = await make(octezSpec({ rpcNodes: 2 }), made);
    expect(more.map(({ name }) => name)).toEqual(["node/rpc-1/identity"]);
  });

  test("a baker's key that is gone is not made again: the chain's beginning names the other", async () => {
    const made = (await make(octezSpec())).map(withoutSecret).filter(({ name }) => name !== "baker/baker-0/key");
    await expect(make(octezSpec(), made)).rejects.toThrow("missing");
  });
});
