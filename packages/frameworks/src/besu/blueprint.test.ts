import type { AddressesByRegion, Blueprint, ChainSpec, MaterialItem, Text } from "@portolan/domain";
import { describe, expect, it } from "vitest";
import { seededRandom } from "../../test/anvil-spec.ts";
import { besuSpec } from "../../test/besu-spec.ts";
import { besu } from "./besu.ts";
import { addressesOfNodes, makeMaterial } from "./material.ts";

const capabilities = { isolation: "none", hasStorageExpansion: false, hasSnapshots: false, exposures: [] } as const;
const now = new Date("2026-11-23T15:00:00Z");
const account = `0x${"aB".repeat(20)}`.toLowerCase();

const reserve = (spec: ChainSpec, host: (node: string) => string): AddressesByRegion =>
  Object.fromEntries(
    spec.regions.map((region) => [
      region,
      besu
        .topology(spec)
        .filter((node) => node.region === region)
        .flatMap((node, at) =>
          node.ports.map((port, index) => {
            const number = 30_000 + 10 * at + index;
            return {
              node: node.name,
              port: port.name,
              host: host(node.name),
              number,
              bindHost: "0.0.0.0",
              bindNumber: number,
            };
          }),
        ),
    ]),
  );

const make = (spec: ChainSpec, existing: readonly MaterialItem[] = []): MaterialItem[] => [
  ...existing,
  ...makeMaterial(spec, existing, { random: seededRandom(`${existing.length}`), now }),
];

const render = (spec: ChainSpec, material = make(spec), host = (node: string) => `${node}.example`) => {
  const regions = Object.fromEntries(
    spec.regions.map((region) => [region, { placementId: `plc_${region}`, capabilities }]),
  );
  return besu.blueprint(spec, material, { regions, addresses: reserve(spec, host), operator: { forks: [] } });
};

const nodeOf = (blueprint: Blueprint | undefined, name: string) => {
  const found = blueprint?.nodes.find((node) => node.name === name);
  if (found === undefined) throw new Error(`no node ${name}`);
  return found;
};
const fileOf = (blueprint: Blueprint | undefined, node: string, name: string) =>
  nodeOf(blueprint, node).files.find((file) => file.name === name);
const textOf = (blueprint: Blueprint | undefined, node: string, name: string): string => {
  const content = fileOf(blueprint, node, name)?.content;
  return content !== undefined && "text" in content && typeof content.text === "string" ? content.text : "";
};
const toWord = (text: Text): string =>
  typeof text === "string"
    ? text
    : Array.isArray(text)
      ? text.map(toWord).join("")
      : `<${Object.values(text).join("/")}>`;
const argsOf = (blueprint: Blueprint | undefined, node: string): string[] =>
  nodeOf(blueprint, node).processes[0]?.args.map(toWord) ?? [];

describe("material", () => {
  it("is a key for each node, and the genesis of the first validators, once", () => {
    const made = make(besuSpec());
    expect(made.map(({ name }) => name)).toEqual([
      "node/validator-0/key",
      "node/validator-1/key",
      "node/validator-2/key",
      "node/validator-3/key",
      "node/rpc-0/key",
      "node/rpc-1/key",
      "genesis",
    ]);
    const genesis = made.find(({ name }) => name === "genesis")?.public as { validators: string[]; chainId: number };
    const addresses = addressesOfNodes(made);
    const validators = [0, 1, 2, 3].map((ordinal) => addresses[`validator-${ordinal}`]);
    expect(genesis.validators).toEqual(validators.sort());
    expect(genesis.chainId).toBe(7_300_000_044);
  });
  it("gives newcomers a key and leaves the genesis as it is", () => {
    const made = make(besuSpec());
    const more = make(besuSpec({ retiredValidators: [1] }), made).slice(made.length);
    expect(more.map(({ name }) => name)).toEqual(["node/validator-4/key"]);
  });
  it("makes no second genesis for validators that have a ledger", () => {
    const keys = make(besuSpec()).filter(({ name }) => name !== "genesis");
    expect(() => make(besuSpec(), keys)).toThrow("there is no genesis");
  });
});

describe("the blueprint", () => {
  const spec = besuSpec({ validators: 4, rpcNodes: 1 });
  const here = render(spec)["local"];

  it("opens votes at validators only, and validators to nobody but the worker", () => {
    expect(argsOf(here, "validator-0")).toContain("--rpc-http-api=ETH,NET,WEB3,QBFT,ADMIN");
    expect(argsOf(here, "rpc-0")).toContain("--rpc-http-api=ETH,NET,WEB3");
    const callers = here?.network.filter(({ to }) => to.port === "rpc") ?? [];
    expect(callers.filter(({ from }) => from === "gateway").map(({ to }) => to.node)).toEqual(["rpc-0"]);
    expect(callers.every(({ from }) => from === "gateway" || from === "worker")).toBe(true);
    const open = nodeOf(here, "validator-0").ports.map(({ name, exposure }) => `${name} ${exposure}`);
    expect(open).toEqual(["rpc admin", "p2p internal"]);
  });
  it("lets each node reach each other's p2p port and nothing else", () => {
    const pairs = here?.network.flatMap(({ from, to }) =>
      typeof from === "object" ? [`${from.node} ${to.node} ${to.port}`] : [],
    );
    expect(new Set(pairs).size).toBe(5 * 4);
    expect(pairs?.every((pair) => pair.endsWith(" p2p"))).toBe(true);
  });
  it("names every neighbour by its reserved address, in a file that restarts nothing", () => {
    const enodes: string[] = JSON.parse(textOf(here, "validator-1", "static-nodes.json"));
    expect(enodes).toHaveLength(4);
    expect(enodes[0]).toMatch(/^enode:\/\/[0-9a-f]{128}@validator-0\.example:30001\?discport=0$/);
    expect(enodes.join()).not.toContain("@validator-1.");
    expect(fileOf(here, "validator-1", "static-nodes.json")?.isForNextStart).toBe(true);
  });
  it("shows neighbours from outside the ports that they dial, where it is wished and reserved", () => {
    const spec = besuSpec({ outside: ["rpc"] });
    const material = make(spec);
    const reserved = reserve(spec, (node) => `${node}.example`);
    const outside = { host: "rpc-0-chn.paris.example.org", number: 30_301 };
    const addresses = Object.fromEntries(
      Object.entries(reserved).map(([region, list]) => [
        region,
        list.map((one) => (one.node === "rpc-0" && one.port === "p2p" ? { ...one, outside } : one)),
      ]),
    );
    const regions = Object.fromEntries(spec.regions.map((region) => [region, { placementId: "plc_1", capabilities }]));
    const rendered = Object.values(besu.blueprint(spec, material, { regions, addresses, operator: { forks: [] } }));
    const shown = rendered.flatMap(({ nodes }) =>
      nodes.flatMap(({ name, ports }) => ports.flatMap((port) => (port.outside ? [`${name} ${port.name}`] : []))),
    );
    expect(shown).toEqual(["rpc-0 p2p"]);
    const [neighbours] = (besu.documents?.(spec, material, null, { http: {} }) ?? []).filter(
      ({ name }) => name === "neighbours.json",
    );
    expect(JSON.parse(neighbours?.content ?? "[]")[0]).toEqual({
      node: "rpc-0",
      enodeKey: expect.stringMatching(/^[0-9a-f]{128}$/),
    });
  });
  it("gives the key by reference, closed to others, and the genesis' own text", () => {
    expect(fileOf(here, "rpc-0", "node.key")).toMatchObject({
      content: { secret: { material: "node/rpc-0/key" } },
      mode: 0o600,
    });
    expect(fileOf(here, "rpc-0", "genesis.json")?.content).toEqual({
      public: { material: "genesis", version: 1, field: "genesis" },
    });
  });
  it("advertises an address only, since Besu refuses names, and answers to any name behind one", () => {
    expect(argsOf(here, "rpc-0").join(" ")).not.toContain("--p2p-host");
    expect(argsOf(here, "rpc-0")).toContain("--host-allowlist=*");
    const local = render(spec, make(spec), () => "127.0.0.1")["local"];
    expect(argsOf(local, "rpc-0")).toContain("--p2p-host=127.0.0.1");
    expect(argsOf(local, "rpc-0")).toContain("--host-allowlist=127.0.0.1");
  });
  it("leaves the heap less than the node's memory", () => {
    for (const plan of ["dev", "standard", "premium"]) {
      const node = nodeOf(render(besuSpec({}, { plan }))["local"], "rpc-0");
      const heap = Number(/^-Xmx(\d+)m$/.exec(String(node.processes[0]?.env["BESU_OPTS"]))?.[1]) * 1_048_576;
      expect(heap / node.resources.memoryBytes).toBeGreaterThan(0.5);
      expect(heap / node.resources.memoryBytes).toBeLessThanOrEqual(0.75);
    }
  });
  it("keeps validators apart, and RPC nodes behind them", () => {
    expect(here?.spread).toEqual([
      { group: "validator", nodes: [0, 1, 2, 3].map((ordinal) => `validator-${ordinal}`) },
    ]);
    expect(nodeOf(here, "rpc-0").startAfter).toHaveLength(4);
    expect(nodeOf(here, "rpc-0").processes[0]?.probe).toMatchObject({ kind: "http", path: "/liveness", port: "rpc" });
  });
  it("has lists of accounts and nodes where they are asked for, and no flag of them elsewhere", () => {
    expect(argsOf(here, "rpc-0").join(" ")).not.toContain("permissions");
    expect(fileOf(here, "rpc-0", "permissions.toml")).toBeUndefined();
    const restricted = besuSpec({ rpcNodes: 1, permissions: { accounts: [account], nodes: true } });
    const blueprint = render(restricted, make(restricted), () => "127.0.0.1")["local"];
    const [accounts, nodes] = textOf(blueprint, "rpc-0", "permissions.toml").split("\n");
    expect(accounts).toBe(`accounts-allowlist=["${account}"]`);
    expect(nodes?.match(/enode:\/\//g)).toHaveLength(5);
    const args = argsOf(blueprint, "rpc-0");
    for (const list of ["accounts", "nodes"]) {
      expect(args).toContain(`--permissions-${list}-config-file-enabled=true`);
      expect(args).toContain(`--permissions-${list}-config-file=<permissions.toml>`);
    }
  });
  it("deals validators out over regions, each with its own nodes and rules that cross them", () => {
    const two = besuSpec({ validators: 4, rpcNodes: 2 }, { regions: ["a", "b"] });
    const { a, b } = render(two);
    expect(a?.nodes.map(({ name }) => name)).toEqual(["validator-0", "validator-2", "rpc-0"]);
    expect(b?.nodes.map(({ name }) => name)).toEqual(["validator-1", "validator-3", "rpc-1"]);
    expect(a?.network).toContainEqual({
      from: { node: "validator-1", region: "b" },
      to: { node: "validator-0", port: "p2p" },
    });
    expect(textOf(a, "validator-0", "static-nodes.json")).toContain("@validator-1.example:");
  });
  it("goes on with one that is leaving until the others have let it go", () => {
    const former = make(besuSpec());
    const wish = besuSpec({ retiredValidators: [1] });
    const material = make(wish, former);
    const names = (of: ChainSpec) => render(of, material)["local"]?.nodes.map(({ name }) => name) ?? [];
    expect(names({ ...wish, leaving: ["validator-1"] })).toContain("validator-1");
    expect(names(wish)).not.toContain("validator-1");
  });
});

describe("documents", () => {
  const spec = besuSpec();
  const documents = (material: readonly MaterialItem[], of = spec) =>
    besu.documents?.(of, material, null, { http: { local: "https://gateway.example/chn" } }) ?? [];
  it("are a token with its ABI, a script, the network for wallets and the genesis", () => {
    const found = documents(make(spec));
    expect(found.map(({ name }) => name)).toEqual([
      "wallet-network.json",
      "token.json",
      "quickstart.mjs",
      "genesis.json",
    ]);
    const wallet = JSON.parse(found[0]?.content ?? "");
    expect(Number(wallet.chainId)).toBe(7_300_000_044);
    expect(wallet.rpcUrls).toEqual(["https://gateway.example/chn/YOUR-KEY"]);
    expect(found[2]?.content).toContain("gasPrice: 0n");
  });
  it("are none before there is a genesis", () => {
    expect(documents([])).toEqual([]);
  });
});
