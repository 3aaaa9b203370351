import { execFileSync } from "node:child_process";
import { X509Certificate } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { ChainSpec } from "@portolan/domain";
import { temporaryDirectory } from "@portolan/testing";
import { expect, test } from "vitest";
import { afterDays, createKeeper, part, start, toSpec } from "../../test/fabric-material.ts";
import type { ChainAddresses } from "../framework.ts";
import { documents } from "./documents.ts";

const channel = part("channel", "trade", {});
const narrow = part("channel", "alone", { organisations: ["org-2"] });
const chaincode = part("chaincode", "asset", { channel: "trade", source: { kind: "catalogue", name: "asset" } });
const alice = part("identity", "alice", { organisation: "org1" });
const mail = part("identity", "bob@example.org", { organisation: "org1" }, { id: "idn_bob" });
const organisations = [{ name: "org1" }, { name: "org-2", mspId: "Second.MSP" }];
const spec = toSpec({ organisations }, [channel, chaincode, alice, mail]);

const made = async (wish: ChainSpec = spec) => {
  const keeper = createKeeper();
  await keeper.pass(wish);
  const authorityPem = String(keeper.read("tlsca/org1")["pem"]);
  const grpc = { address: "127.0.0.1:4201", serverName: "chn-1.chains.localhost", authorityPem };
  const take = (addresses: ChainAddresses = { http: {}, grpc }, now: ChainSpec = wish) => {
    const found = new Map(documents(now, keeper.items(), null, addresses).map((entry) => [entry.name, entry]));
    const content = (name: string): string => {
      const entry = found.get(name);
      if (entry === undefined) throw new Error(`there is no ${name}`);
      return entry.content;
    };
    return { names: [...found.keys()], content, json: (name: string) => JSON.parse(content(name)) };
  };
  return { keeper, grpc, authorityPem, take };
};

test("each organisation gets a profile and snippets; the chain its certificates", async () => {
  const { take } = await made();
  const { names } = take();
  expect([...names].sort()).toEqual(
    [
      ...["connection-profile-org1.json", "connect-org1.mjs", "connect-org1.go", "ConnectOrg1.java", "msp-org1.json"],
      ...["connection-profile-org-2.json", "connect-org-2.mjs", "connect-org-2.go", "ConnectOrg_2.java"],
      ...["msp-org-2.json", "msp-orderer.json", "identity-alice.pem", "tls-ca.pem", "certificates.json"],
      "identity-idn-bob.pem",
    ].sort(),
  );
});

test("a profile is of the form that Fabric's tools read, and points at the gateway's listener", async () => {
  const { take, authorityPem } = await made();
  const profile = take().json("connection-profile-org-2.json");
  expect(profile).toMatchObject({
    name: "network",
    version: "1.0.0",
    client: { organization: "org-2" },
    organizations: { "org-2": { mspid: "Second.MSP", peers: ["chn-1.chains.localhost"] } },
    peers: {
      "chn-1.chains.localhost": {
        url: "grpcs://127.0.0.1:4201",
        tlsCACerts: { pem: authorityPem },
        grpcOptions: { "ssl-target-name-override": "chn-1.chains.localhost" },
      },
    },
    channels: { trade: { peers: { "chn-1.chains.localhost": { endorsingPeer: true } } } },
  });
  expect(take().content("tls-ca.pem")).toBe(authorityPem);
});

test("snippets have the organisation's values, parse, and say whether anybody ran them", async () => {
  const { take } = await made();
  const { content } = take();
  const node = content("connect-org1.mjs");
  for (const name of ["connect-org-2.mjs", "connect-org-2.go", "ConnectOrg_2.java"])
    for (const value of ["Second.MSP", "127.0.0.1:4201", "chn-1.chains.localhost", "trade", "asset", "tls-ca.pem"])
      expect(content(name)).toContain(`"${value}"`);
  expect(content("ConnectOrg_2.java")).toContain("public final class ConnectOrg_2 {");
  const file = join(temporaryDirectory("snippet"), "connect-org1.mjs");
  writeFileSync(file, node);
  execFileSync(process.execPath, ["--check", file]);
  expect(node.split("\n")[0]).toMatch(/^\/\/ Run by Portolan's test suite/);
  expect(content("connect-org1.go").split("\n")[0]).toMatch(/^\/\/ Neither compiled nor run/);
  expect(content("ConnectOrg1.java").split("\n")[0]).toMatch(/^\/\/ Run by hand .*test suite does not run it\.$/);
  for (const name of ["connect-org1.mjs", "connect-org1.go", "ConnectOrg1.java"])
    expect(content(name)).toMatch(/key mode "own"[\s\S]*over REST/);
});

test("what is called by default is of a channel that the organisation is on", async () => {
  const { take } = await made(toSpec({ organisations }, [narrow, channel]));
  const { content } = take();
  expect(content("connect-org1.mjs")).toContain('env.FABRIC_CHANNEL ?? "trade"');
  expect(content("connect-org-2.mjs")).toContain('env.FABRIC_CHANNEL ?? "alone"');
});

test("a listener that everybody trusts needs no authority, and without one there is nothing to connect to", async () => {
  const { take } = await made();
  const trusted = take({ http: {}, grpc: { address: "grpc.example.org:443", serverName: "chn-1.example.org" } });
  expect(trusted.names).not.toContain("tls-ca.pem");
  expect(trusted.json("connection-profile-org1.json").peers["chn-1.example.org"]).not.toHaveProperty("tlsCACerts");
  expect(trusted.content("connect-org1.mjs")).not.toContain("tls-ca.pem");
  expect(trusted.content("connect-org1.go")).not.toContain('"tls-ca.pem"');
  expect(take({ http: {} }).names.filter((name) => /^connect/i.test(name))).toEqual([]);
  expect(take({ http: {} }).names).toContain("certificates.json");
});

test("an MSP document has the authorities, and what was revoked", async () => {
  const { take, keeper } = await made();
  expect(take().json("msp-org1.json")).toMatchObject({
    mspId: "Org1MSP",
    caPem: keeper.read("ca/org1")["pem"],
    tlsCaPem: keeper.read("tlsca/org1")["pem"],
    crlPem: null,
  });
  const without = toSpec({ organisations }, [channel, chaincode, { ...alice, isDeleted: true }, mail]);
  await keeper.pass(without);
  const after = take(undefined, without);
  expect(after.json("msp-org1.json").crlPem).toBe(keeper.read("crl/org1")["pem"]);
  expect(after.names).not.toContain("identity-alice.pem");
  const names = after.json("certificates.json").certificates.map(({ name }: { name: string }) => name);
  expect(names).not.toContain("identity/alice");
  expect(names).toContain("crl/org1");
});

test("the calendar has every certificate with its end, when it is renewed, and by whom; soonest first", async () => {
  const { take, keeper } = await made();
  const own = keeper.get("identity/identity_alice");
  if (own === undefined) throw new Error("alice has no certificate");
  const { renewAt: _renewAt, ...rest } = own;
  keeper.put({ ...rest, owner: "customer" });
  const { certificates } = take().json("certificates.json") as {
    certificates: { name: string; subject: string; notAfter: string; renewAt: string | null; renewedBy: string }[];
  };
  const held = keeper.items().filter(({ kind }) => kind === "certificate");
  expect(certificates.length).toBe(held.length + 1);
  const find = (name: string) => certificates.find((entry) => entry.name === name);
  const day = (text: string | null | undefined) => (Date.parse(text ?? "") - start.getTime()) / 86_400_000;
  const node = find("node/peer-org1-0/tls");
  expect(node).toMatchObject({ renewedBy: "plane", subject: expect.stringContaining("CN=peer-org1-0") });
  expect([day(node?.notAfter), day(node?.renewAt)]).toEqual([365, expect.closeTo(243.33, 1)]);
  expect(node?.notAfter).toBe(
    new X509Certificate(String(keeper.read("node/peer-org1-0/tls")["pem"])).validToDate.toISOString(),
  );
  expect(find("identity/alice")?.renewedBy).toBe("customer");
  expect(day(find("identity/alice")?.renewAt)).toBeCloseTo(243.33, 1);
  expect(find("identity/bob@example.org")?.renewedBy).toBe("plane");
  expect(find("ca/org1")).toMatchObject({ renewedBy: "nobody", renewAt: null });
  expect(find("gateway/tls-ca")?.renewedBy).toBe("gateway");
  const ends = certificates.map(({ notAfter }) => notAfter);
  expect(ends).toEqual([...ends].sort());
});

test("after a renewal the calendar shows the new certificate only, in whatever order they come", async () => {
  const { keeper } = await made();
  const before = keeper.items();
  await keeper.pass(spec, afterDays(300));
  for (const items of [
    [...before, ...keeper.items()],
    [...keeper.items(), ...before],
  ]) {
    const content = documents(spec, items, null, { http: {} }).at(-1)?.content ?? "";
    const { certificates } = JSON.parse(content) as { certificates: { name: string; notAfter: string }[] };
    const found = certificates.filter(({ name }) => name === "node/orderer-0/tls");
    expect(found.map(({ notAfter }) => notAfter)).toEqual([afterDays(665).toISOString()]);
  }
});

test("what belonged to nodes and organisations that are gone is not in the calendar", async () => {
  const { take } = await made();
  const settings = { organisations: [{ name: "org1" }], orderers: 3, retiredOrderers: [1] };
  const stray = { ...alice, settings: { organisation: "org-2" } };
  const left = toSpec(settings, [channel, chaincode, stray]);
  const { certificates } = take(undefined, left).json("certificates.json");
  const names = certificates.map(({ name }: { name: string }) => name);
  for (const gone of ["node/orderer-1/tls", "node/peer-org-2-0/tls", "ca/org-2", "admin/org-2", "identity/alice"])
    expect(names).not.toContain(gone);
  for (const there of ["node/orderer-0/tls", "node/peer-org1-0/tls", "ca/orderer", "admin/org1", "operator-ca"])
    expect(names).toContain(there);
});
