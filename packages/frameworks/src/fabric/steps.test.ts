import type {
  AddressesByRegion,
  ChainSpec,
  ChainView,
  JsonObject,
  MaterialItem,
  NodeAddress,
  Step,
} from "@portolan/domain";
import { seededRandom } from "@portolan/testing";
import { expect, test } from "vitest";
import { highSigner, part, reserve, start, toSpec } from "../../test/fabric-material.ts";
import { toChaincodeWish } from "./chaincode-wish.ts";
import { toWantedDigest } from "./config/digest.ts";
import { toNetworkDescription } from "./config/index.ts";
import { fabric } from "./fabric.ts";
import { factsName, type NodeChannel, type RegionFacts } from "./facts.ts";
import { planMark } from "./inspect/ask-plan.ts";
import { makeMaterial } from "./material.ts";
import { chaincodesOf, channelsOf } from "./parts.ts";
import { steps } from "./steps.ts";
import { topology } from "./topology.ts";

const two = { organisations: [{ name: "org1" }, { name: "org2" }] };
const channel = part("channel", "main", {});
const signer = highSigner();
const source = { kind: "external", address: "127.0.0.1:9999" };
const chaincode = part("chaincode", "basic", { channel: "main", source });

/** Addresses and material; of nodes that were there before the former ones, as they are kept for life. */
const make = async (spec: ChainSpec, former?: { addresses: AddressesByRegion; material: readonly MaterialItem[] }) => {
  const known = former?.addresses["here"] ?? [];
  const fresh = reserve(spec, "127.0.0.1", 41_000 + known.length)["here"] ?? [];
  const isSame = (one: NodeAddress, other: NodeAddress): boolean => one.node === other.node && one.port === other.port;
  const here = fresh.map((address) => known.find((old) => isSame(old, address)) ?? address);
  const addresses = { here };
  const context = { addresses, signer, random: seededRandom(`steps ${known.length}`), now: start };
  const existing = former?.material ?? [];
  const made = (await makeMaterial(spec, existing, context)).map(({ secret: _secret, ...item }) => item);
  const names = new Set(made.map(({ name }) => name));
  return { spec, addresses, material: [...existing.filter(({ name }) => !names.has(name)), ...made] };
};
type Made = Awaited<ReturnType<typeof make>>;

interface Seen {
  nodes?: { [node: string]: Partial<NodeChannel> };
  facts?: Partial<RegionFacts>;
}

const toView = ({ nodes = {}, facts = {} }: Seen): ChainView => ({
  nodes: Object.fromEntries(
    Object.entries(nodes).map(([name, main]) => [
      name,
      { healthy: true, detail: { channels: { main: { height: 1, ...main } } } },
    ]),
  ),
  facts: { [factsName("here")]: { configs: {}, installed: {}, chaincodes: {}, ...facts } as never },
  at: start.toISOString(),
});

const list = (made: Made, seen: Seen = {}): Step[] =>
  steps(made.spec, made.material, toView(seen), start, made.addresses);
const titles = (found: readonly Step[]): string[] => found.map(({ title }) => title);

/** All nodes have the channel, and it is configured as `of` wishes. */
const joined = (of: Made): Seen => {
  const [found] = channelsOf(of.spec);
  if (found === undefined) throw new Error("no channel");
  const digest = toWantedDigest(toNetworkDescription(of.spec, of.material, of.addresses, found));
  return {
    nodes: Object.fromEntries(topology(of.spec).map(({ name }) => [name, { height: 1 }])),
    facts: { configs: { main: { at: start.toISOString(), sequence: 4, digest, mark: "" } } },
  };
};

const agreed = (
  made: Made,
  more: { version?: string; packageId?: string; answered?: number; planned?: string } = {},
): Seen => {
  const [found] = chaincodesOf(made.spec);
  const wish = found && toChaincodeWish(made.spec, found, made);
  if (wish === undefined) throw new Error("no chaincode");
  const definition = {
    name: "basic",
    version: more.version ?? wish.version,
    sequence: 3,
    policy: wish.policy,
    isInitRequired: false,
  };
  const approved = { ...definition, packageId: more.packageId ?? wish.packageId };
  const peers = ["peer-org1-0", "peer-org2-0"];
  const installed = { at: "", incarnation: 1, packages: [wish.packageId] };
  const base = joined(made);
  return {
    ...base,
    facts: {
      ...base.facts,
      installed: Object.fromEntries(peers.map((peer) => [peer, installed])),
      chaincodes: {
        "main/basic": {
          at: "",
          committed: definition,
          approvals: { org1: approved, org2: approved },
          answered: Object.fromEntries(peers.map((peer) => [peer, more.answered ?? 3])),
          planned: Object.fromEntries(
            peers.map((peer) => [peer, more.planned ?? planMark(wish, { committed: definition })]),
          ),
          isInitialised: true,
        },
      },
    },
  };
};

test("a new network's steps are listed together in their order, without names to wait for in one region", async () => {
  const made = await make(toSpec(two, [channel, chaincode]));
  const found = list(made);
  expect(titles(found)).toEqual([
    "Make channel main on orderer-0, orderer-1 and orderer-2",
    "Let peer-org1-0 and peer-org2-0 join channel main",
    "Install chaincode basic on peer-org1-0 and peer-org2-0",
    "Approve chaincode basic 1.0 for org1 and org2",
    "Take chaincode basic 1.0 into use",
    "Call chaincode basic from peer-org1-0 and peer-org2-0",
    "Let peer-org1-0 and peer-org2-0 find who endorses chaincode basic",
  ]);
  expect(
    found.every(({ dependsOn, region, timeoutMs }) => dependsOn.length === 0 && region === "here" && timeoutMs > 0),
  ).toBe(true);
  expect(found.map(({ part: id }) => id)).toEqual([
    channel.id,
    channel.id,
    chaincode.id,
    chaincode.id,
    chaincode.id,
    chaincode.id,
    chaincode.id,
  ]);
  expect(found.every(({ action }) => fabric.actions[action] !== undefined)).toBe(true);
  expect(new Set(found.map(({ key }) => key)).size).toBe(found.length);
  expect(list(made)).toEqual(found);
});

test("across regions a step waits by name for those of the others", async () => {
  const spec = { ...toSpec(two, [channel]), regions: ["here", "there"] };
  const all = reserve(spec)["here"] ?? [];
  const regionOf = new Map(topology(spec).map(({ name, region }) => [name, region]));
  const addresses = {
    here: all.filter(({ node }) => regionOf.get(node) === "here"),
    there: all.filter(({ node }) => regionOf.get(node) === "there"),
  };
  const context = { addresses, signer, random: seededRandom("regions"), now: start };
  const material = (await makeMaterial(spec, [], context)).map(({ secret: _secret, ...item }) => item);
  const found = steps(spec, material, toView({}), start, addresses);
  const peers = found.find(({ action }) => action === "channel.joinPeers");
  const far = found.find(({ action, region }) => action === "channel.joinOrderers" && region === "there");
  expect(far).toBeDefined();
  expect(peers?.region).toBe("here");
  expect(peers?.dependsOn).toEqual([far?.key]);
});

test("nothing is left when all is as wished", async () => {
  const made = await make(toSpec(two, [channel, chaincode]));
  expect(list(made, agreed(made))).toEqual([]);
  expect(list(await make(toSpec(two)))).toEqual([]);
});

test("another version is the next sequence, another package only new approvals", async () => {
  const made = await make(toSpec(two, [channel, chaincode]));
  const upgrade = list(made, agreed(made, { version: "0.9" }));
  expect(titles(upgrade)).toEqual([
    "Approve chaincode basic 1.0 for org1 and org2",
    "Take chaincode basic 1.0 into use",
    "Call chaincode basic from peer-org1-0 and peer-org2-0",
    "Let peer-org1-0 and peer-org2-0 find who endorses chaincode basic",
  ]);
  expect(upgrade.every(({ key }) => key.includes("/4/"))).toBe(true);
  const moved = list(made, agreed(made, { packageId: "basic:former" }));
  expect(titles(moved)).toEqual(["Approve chaincode basic 1.0 for org1 and org2"]);
  expect(moved[0]?.key).toContain("/3/");
  expect(titles(list(made, agreed(made, { answered: 2 })))).toEqual([
    "Call chaincode basic from peer-org1-0 and peer-org2-0",
  ]);
});

test("peers that knew who endorses it look again when other organisations have it", async () => {
  const made = await make(toSpec(two, [channel, chaincode]));
  const [step, ...others] = list(made, agreed(made, { planned: "3 org1 org1" }));
  expect(others).toEqual([]);
  expect(step).toMatchObject({
    action: "chaincode.find",
    title: "Let peer-org1-0 and peer-org2-0 find who endorses chaincode basic",
    input: { channel: "main", name: "basic", nodes: ["peer-org1-0", "peer-org2-0"] },
  });
});

test("where those who have it can't meet its policy, nobody is asked to find endorsers", async () => {
  const alone = part("chaincode", "basic", { channel: "main", source, organisations: ["org1"] });
  const found = list(await make(toSpec(two, [channel, alone])));
  expect(found.map(({ action }) => action)).not.toContain("chaincode.find");
});

test("a new organisation is taken in before its peers join", async () => {
  const before = await make(toSpec({ organisations: [{ name: "org1" }] }, [channel]));
  const made = await make(toSpec(two, [channel]), before);
  expect(titles(list(made, joined(before))).slice(-2)).toEqual([
    "Take Org2MSP into channel main",
    "Let peer-org2-0 join channel main",
  ]);
});

test("orderers follow before they vote, and those that are gone are taken out before others come", async () => {
  const premium = (settings: JsonObject) => ({ ...toSpec({ ...two, ...settings }, [channel]), plan: "premium" });
  const before = await make(premium({ orderers: 3 }));
  const made = await make(premium({ orderers: 3, retiredOrderers: [1] }), before);
  const found = list(made, joined(before));
  const kinds = found.map(({ action, input }) => {
    const { change } = input as { change?: { kind: string } };
    return change?.kind ?? action;
  });
  expect(kinds).toEqual(["channel.joinOrderers", "consenter.remove", "consenter.add", "endpoints"]);
  expect(found[0]?.input).toMatchObject({ nodes: ["orderer-3"], isFirst: false });
});

test("a channel is changed in a region whose orderer serves it, not where its configuration was read once", async () => {
  const settings = { ...two, orderers: 3 };
  const regions = ["here", "there"];
  const before = await make({ ...toSpec(settings, [channel]), regions });
  // Orderer 1 was the only one there; 3, which takes its place, only follows yet.
  const made = await make({ ...toSpec({ ...settings, retiredOrderers: [1] }, [channel]), regions }, before);
  const { nodes = {}, facts } = joined(before);
  const serves = { height: 5, status: "active", relation: "consenter" } as const;
  const follows = { height: 5, status: "active", relation: "follower" } as const;
  const view = toView({ nodes: { ...nodes, "orderer-0": serves, "orderer-2": serves, "orderer-3": follows } });
  const known = { configs: facts?.configs ?? {}, installed: {}, chaincodes: {} } as never;
  for (const order of [regions, [...regions].reverse()]) {
    const byRegion = Object.fromEntries(order.map((region) => [factsName(region), known]));
    const found = steps(made.spec, made.material, { ...view, facts: byRegion }, start, made.addresses);
    const changes = found.filter(({ action }) => action === "channel.configure");
    expect(changes.map(({ region }) => region)).toEqual(["here", "here", "here"]);
  }
});

test("what would lose the quorum stops before any node goes", async () => {
  const before = await make({ ...toSpec({ ...two, orderers: 3 }, [channel]), plan: "premium" });
  const spec = { ...toSpec({ ...two, orderers: 1 }, [channel]), plan: "premium" };
  expect(() => list({ ...before, spec }, joined(before))).toThrow("needs 2 of them to agree; 1 would be left");
});
