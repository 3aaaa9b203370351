import { execFileSync } from "node:child_process";
import { existsSync, readFileSync, readlinkSync, symlinkSync, writeFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { AddressesByRegion, BlueprintNode, ChainSpec, JsonObject, Text } from "@portolan/domain";
import { describe, expect, onTestFinished, test } from "vitest";
import { octezSigner, octezSpec } from "../../test/octez-spec.ts";
import { toBlueprints } from "./blueprint.ts";
import { octezAccessList } from "./http-policy.ts";
import { makeMaterial } from "./material.ts";
import type { GenesisFacts } from "./names.ts";
import { topology } from "./topology.ts";

const capabilities = { isolation: "none", hasStorageExpansion: false, hasSnapshots: false, exposures: [] } as const;
const words = (text: Text): string =>
  typeof text === "string"
    ? text
    : Array.isArray(text)
      ? text.map((piece) => words(piece)).join("")
      : `<${Object.values(text).join("/")}>`;

const render = async (spec: ChainSpec) => {
  const addresses: { [region: string]: AddressesByRegion[string][number][] } = {};
  let number = 20_000;
  for (const node of topology(spec))
    for (const { name } of node.ports) {
      number += 1;
      const list = addresses[node.region] ?? [];
      addresses[node.region] = list;
      list.push({
        ...{ node: node.name, port: name, host: `${node.name}.example`, number },
        ...{ bindHost: "0.0.0.0", bindNumber: number + 1_000 },
      });
    }
  let count = 0;
  const random = { bytes: (size: number) => Uint8Array.from({ length: size }, () => (count = (count + 3) & 255)) };
  const now = new Date("2026-11-23T12:00:00Z");
  const made = await makeMaterial(spec, [], { signer: octezSigner, random, now });
  const material = made.map(({ secret: _secret, ...item }) => item);
  const regions = Object.fromEntries(spec.regions.map((region) => [region, { placementId: "plc_1", capabilities }]));
  const blueprints = toBlueprints({ spec, material, regions, addresses });
  const nodes = Object.values(blueprints).flatMap((blueprint) => blueprint.nodes);
  const node = (name: string): BlueprintNode => {
    const found = nodes.find((one) => one.name === name);
    if (found === undefined) throw new Error(`no node ${name}`);
    return found;
  };
  const text = (name: string, file: string): string => {
    const content = node(name).files.find((one) => one.name === file)?.content;
    if (content === undefined || !("text" in content)) throw new Error(`${name} has no text ${file}`);
    return words(content.text);
  };
  const config = (name: string) =>
    JSON.parse(text(name, "config.json")) as {
      "data-dir": string;
      rpc: { "listen-addrs": string[]; acl: { address: string; blacklist?: string[]; whitelist?: string[] }[] };
      p2p: { [member: string]: unknown };
      network: JsonObject;
    };
  const genesis = material.find((item) => item.name === "genesis")?.public as GenesisFacts;
  return { blueprints, node, config, text, genesis };
};

describe("a node's config.json", () => {
  test("has the network that the chain's beginning is, the same on every node", async () => {
    const { config, genesis } = await render(octezSpec({ bakers: 3, rpcNodes: 2 }));
    const networks = ["baker-0", "baker-1", "baker-2", "rpc-0", "rpc-1"].map((name) => config(name).network);
    expect(new Set(networks.map((network) => JSON.stringify(network))).size).toBe(1);
    expect(networks[0]).toMatchObject({
      genesis: { block: genesis.block, timestamp: genesis.timestamp, protocol: genesis.protocol },
      genesis_parameters: { values: { genesis_pubkey: genesis.activator } },
      chain_name: genesis.chainName,
      sandboxed_chain_name: "SANDBOXED_TEZOS",
      dal_config: { activated: false },
    });
  });

  test("listens where it is bound, and dials every other node where that is dialled, in whatever region", async () => {
    const { config } = await render(octezSpec({ bakers: 2 }, { regions: ["here", "there"] }));
    expect(config("baker-1")["data-dir"]).toBe("<data/node>");
    expect(config("baker-1").rpc["listen-addrs"]).toEqual(["0.0.0.0:21003"]);
    expect(config("baker-1").p2p).toMatchObject({
      "expected-proof-of-work": 0,
      "listen-addr": "0.0.0.0:21004",
      "bootstrap-peers": ["baker-0.example:20002", "rpc-0.example:20006"],
    });
  });

  test("opens a baker to whoever reaches it, which is its own baker and the plane, and an RPC node to what is needed", async () => {
    const { config } = await render(octezSpec());
    expect(config("baker-0").rpc.acl).toEqual([{ address: "0.0.0.0:21001", blacklist: [] }]);
    const [acl] = config("rpc-0").rpc.acl;
    expect(acl?.address).toBe("0.0.0.0:21003");
    expect(acl?.whitelist).toEqual(expect.arrayContaining([...octezAccessList, "GET /network/connections"]));
    expect(acl?.whitelist?.filter((rule) => /injection\/block|private|workers|gc/.test(rule))).toEqual([]);
  });

  test("tells of another node at the next start only", async () => {
    const [one, two] = [await render(octezSpec()), await render(octezSpec({ rpcNodes: 2 }))];
    expect(one.text("baker-0", "config.json")).not.toBe(two.text("baker-0", "config.json"));
    const file = two.node("baker-0").files.find(({ name }) => name === "config.json");
    expect(file?.isForNextStart).toBe(true);
  });
});

describe("programs", () => {
  test("a baker is two of them on one volume: the node, and behind it what bakes with the node's key", async () => {
    const { node, text } = await render(octezSpec());
    const { processes, files, volumes } = node("baker-0");
    expect(volumes).toHaveLength(1);
    const [first, second] = processes.map(({ args }) => args.map(words).join(" "));
    expect(first).toBe(
      "run --config-file <config.json> --data-dir <data/node> --history-mode rolling:1 --synchronisation-threshold 0",
    );
    expect(second).toBe(
      "--base-dir <data/client> --endpoint http://127.0.0.1:21001 run with local node <data/node> baker-0 --liquidity-baking-toggle-vote pass --without-dal",
    );
    expect(processes[1]).toMatchObject({ after: ["node"], isAuxiliary: true });
    expect(processes.map(({ program }) => program.image)).toEqual(Array(2).fill("docker.io/tezos/tezos:octez-v25.1"));
    const [key] = JSON.parse(text("baker-0", "client/public_keys")) as { name: string; value: { key: string } }[];
    expect(key).toMatchObject({ name: "baker-0", value: { key: expect.stringMatching(/^edpk/) } });
    expect(files.find(({ name }) => name === "client/secret_keys")).toMatchObject({
      mode: 0o600,
      content: { secret: { material: "baker/baker-0/key", field: "secretKeysFile" } },
    });
  });

  test.each([
    ["rolling", "rolling:7"],
    ["full", "full:7"],
    ["archive", "archive"],
  ])("an RPC node keeps %s", async (historyMode, said) => {
    const { node } = await render(octezSpec({ historyMode, historyCycles: 7 }));
    const { processes, files } = node("rpc-0");
    expect(processes).toHaveLength(1);
    expect(processes[0]?.args.map(words).join(" ")).toContain(`--history-mode ${said} --force-history-mode-switch`);
    expect(files.some(({ name }) => name.startsWith("client/"))).toBe(false);
  });
});

describe("link-files.mjs", () => {
  const program = fileURLToPath(new URL("./assets/link-files.mjs", import.meta.url));
  const directory = async (): Promise<string> => {
    const path = await mkdtemp(join(tmpdir(), "octez-links-"));
    onTestFinished(() => rm(path, { recursive: true, force: true }));
    return path;
  };

  test("makes links, again and again, also where one leads elsewhere or nowhere", async () => {
    const at = await directory();
    const [link, file] = [join(at, "data", "node", "identity.json"), join(at, "identity.json")];
    writeFileSync(file, "{}");
    for (const before of [undefined, undefined, "elsewhere"]) {
      if (before !== undefined) {
        await rm(link);
        symlinkSync(join(at, before), link);
      }
      execFileSync(process.execPath, [program, link, file]);
      expect(readlinkSync(link)).toBe(file);
      expect(readFileSync(link, "utf8")).toBe("{}");
    }
    expect(existsSync(`${link}.new`)).toBe(false);
  });

  test("says how it is called", () => {
    expect(() => execFileSync(process.execPath, [program, "one"], { stdio: "pipe" })).toThrow("usage");
  });
});
