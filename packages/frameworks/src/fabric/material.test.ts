import { createPrivateKey, createPublicKey, X509Certificate } from "node:crypto";
import { p256 } from "@noble/curves/nist.js";
import { AsnConvert } from "@peculiar/asn1-schema";
import { Certificate } from "@peculiar/asn1-x509";
import type { MaterialItem } from "@portolan/domain";
import { seededRandom } from "@portolan/testing";
import { expect, test } from "vitest";
import { afterDays, createKeeper, highSigner, part, reserve, start, toSpec } from "../../test/fabric-material.ts";
import { fromPem } from "./crypto/pem.ts";
import { makeMaterial } from "./material.ts";

const two = { organisations: [{ name: "org1", peers: 2 }, { name: "org2" }], orderers: 3 };
const channel = part("channel", "trade", {});
const catalogue = { channel: "trade", source: { kind: "catalogue", name: "asset" } };
const chaincode = part("chaincode", "asset", catalogue);

const names = (items: readonly { name: string }[]): string[] => items.map(({ name }) => name).sort();
const pemOf = (item: MaterialItem): string => String((item.public as { pem?: string }).pem);
const certificatesOf = (items: readonly MaterialItem[]) => items.filter(({ kind }) => kind === "certificate");

/** Whose signature a certificate must bear. */
const issuerOf = (name: string): string => {
  const [kind, owner = "", use] = name.split("/");
  if (kind !== "node") return kind === "admin" ? `ca/${owner}` : name;
  const organisation = owner.startsWith("orderer-")
    ? "orderer"
    : owner.startsWith("chaincode-")
      ? "org1"
      : owner.split("-")[1];
  return `${use === "tls" ? "tlsca" : "ca"}/${organisation}`;
};

test("a network gets two roots for each organisation, an administrator of each, and two pairs for each node", async () => {
  const keeper = createKeeper();
  const made = await keeper.pass(toSpec(two, [channel, chaincode]));
  const nodes = ["orderer-0", "orderer-1", "orderer-2", "peer-org1-0", "peer-org1-1", "peer-org2-0"];
  const organisations = ["org1", "org2", "orderer"];
  expect(names(made)).toEqual(
    [
      ...organisations.flatMap((name) => [`ca/${name}`, `tlsca/${name}`, `admin/${name}`]),
      ...nodes.flatMap((node) => ["enrolment-key", "enrolment", "tls-key", "tls"].map((use) => `node/${node}/${use}`)),
      "node/chaincode-asset-0/tls",
      "node/chaincode-asset-0/tls-key",
      "operator-ca",
      "channel/trade/genesis",
    ].sort(),
  );
  expect(made.every((item) => item.hasSecret === (item.secret !== undefined))).toBe(true);
  expect(made.filter(({ hasSecret }) => hasSecret).every(({ kind }) => kind === "key")).toBe(true);
});

test("each certificate is signed by its authority in low-S form, and is for its key, unit and hosts", async () => {
  const keeper = createKeeper();
  const spec = toSpec(two, [channel, chaincode]);
  const addresses = reserve(spec, "nodes.example");
  const certificates = certificatesOf(await keeper.pass(spec, start, addresses));
  expect(certificates.length).toBe(23);
  for (const item of certificates) {
    const certificate = new X509Certificate(pemOf(item));
    const issuer = new X509Certificate(String(keeper.read(issuerOf(item.name))["pem"]));
    expect(certificate.verify(issuer.publicKey), item.name).toBe(true);
    expect(certificate.checkIssued(issuer), item.name).toBe(true);
    expect(certificate.ca, item.name).toBe(/ca(?:\/|$)/.test(item.name));
    // Fabric checks the chain as of the moment at which the certificate begins.
    expect(issuer.validFromDate <= certificate.validFromDate, item.name).toBe(true);
    expect(certificate.validToDate.toISOString()).toBe(item.expiresAt);
    const der = fromPem(pemOf(item), "CERTIFICATE") ?? new Uint8Array();
    const { signatureValue } = AsnConvert.parse(der, Certificate);
    expect(p256.Signature.fromBytes(new Uint8Array(signatureValue), "der").hasHighS(), item.name).toBe(false);
    const [kind, node = "", use] = item.name.split("/");
    const unit = /^OU=(.*)$/m.exec(certificate.subject)?.[1];
    if (kind === "admin") expect(unit).toBe("admin");
    if (kind !== "node") continue;
    expect(unit).toBe(node.startsWith("chaincode-") ? undefined : node.split("-")[0]);
    const key = createPrivateKey(keeper.secret(`${item.name}-key`));
    expect(certificate.checkPrivateKey(key), item.name).toBe(true);
    expect(createPublicKey(key).export({ type: "spki", format: "pem" })).toBe(
      keeper.read(`${item.name}-key`)["publicKey"],
    );
    if (use !== "tls") expect(certificate.subjectAltName).toBeUndefined();
    else expect(certificate.subjectAltName).toBe("IP Address:127.0.0.1, DNS:localhost, DNS:nodes.example");
  }
});

test("roots last fifteen years, the rest a year and is due after two thirds of it", async () => {
  const made = certificatesOf(await createKeeper().pass(toSpec()));
  for (const { name, expiresAt, renewAt } of made) {
    const isRoot = /ca(?:\/|$)/.test(name);
    expect(expiresAt, name).toBe(afterDays(isRoot ? 15 * 365 : 365).toISOString());
    expect(renewAt, name).toBe(isRoot ? undefined : afterDays((365 * 2) / 3).toISOString());
  }
});

test("nothing is made twice, and the same is made of the same", async () => {
  const spec = toSpec(two, [channel, chaincode, part("identity", "alice", { organisation: "org1" })]);
  const keeper = createKeeper();
  await keeper.pass(spec);
  expect(await keeper.pass(spec)).toEqual([]);
  expect(await keeper.pass(spec, afterDays(200))).toEqual([]);
  const make = (existing: readonly MaterialItem[], now: Date) =>
    makeMaterial(spec, existing, {
      addresses: reserve(spec),
      signer: keeper.signer,
      random: seededRandom("same"),
      now,
    });
  expect(await make([], start)).toEqual(await make([], start));
  const existing = keeper.items();
  const renewed = await make(existing, afterDays(300));
  expect(renewed.length).toBeGreaterThan(10);
  expect(await make([...existing].reverse(), afterDays(300))).toEqual(renewed);
  // Former versions may be among them, before or after the newest.
  const all = [...existing, ...renewed.map(({ secret: _secret, ...item }) => item)];
  expect(await make(all, afterDays(301))).toEqual([]);
  expect(await make([...all].reverse(), afterDays(301))).toEqual([]);
});

test("what is due gets a next version with the same key, and nothing else changes", async () => {
  const spec = toSpec(two, [channel, chaincode, part("identity", "alice", { organisation: "org1" })]);
  const keeper = createKeeper();
  const before = await keeper.pass(spec);
  const keyOf = (item: MaterialItem) =>
    new X509Certificate(pemOf(item)).publicKey.export({ type: "spki", format: "pem" });
  const keys = new Map(certificatesOf(before).map((item) => [item.name, keyOf(item)]));
  const serials = new Map(certificatesOf(before).map(({ name }) => [name, keeper.read(name)["serial"]]));
  const due = before.filter(({ renewAt }) => renewAt !== undefined);
  const now = afterDays(244);
  const made = await keeper.pass(spec, now);
  expect(names(made)).toEqual(names(due));
  for (const item of made) {
    expect(item.version).toBe(2);
    expect(item.hasSecret).toBe(false);
    expect(keyOf(item)).toBe(keys.get(item.name));
    expect(item.expiresAt).toBe(new Date(now.getTime() + 365 * 86_400_000).toISOString());
    expect(keeper.read(item.name)["serial"]).not.toBe(serials.get(item.name));
  }
  expect(await keeper.pass(spec, now)).toEqual([]);
});

test("only what says that it may be renewed is; what ran out is made anew all the same", async () => {
  const spec = toSpec();
  const keeper = createKeeper();
  await keeper.pass(spec);
  // As the coordinator gives it outside of a renewal.
  const held = keeper.items().map(({ renewAt: _renewAt, ...item }) => item);
  for (const item of held) keeper.put(item);
  expect(await keeper.pass(spec, afterDays(300))).toEqual([]);
  expect(names(await keeper.pass(spec, afterDays(366)))).toContain("node/peer-org1-0/tls");
});

test("an organisation, a peer or an orderer more is all that is made", async () => {
  const keeper = createKeeper();
  await keeper.pass(toSpec({ orderers: 1 }, [channel]));
  const pairs = (node: string) => ["enrolment", "enrolment-key", "tls", "tls-key"].map((use) => `node/${node}/${use}`);
  const peer = { orderers: 1, organisations: [{ name: "org1", peers: 2 }] };
  expect(names(await keeper.pass(toSpec(peer, [channel])))).toEqual(pairs("peer-org1-1"));
  const orderer = { ...peer, orderers: 2 };
  expect(names(await keeper.pass(toSpec(orderer, [channel])))).toEqual(pairs("orderer-1"));
  const organisation = { orderers: 2, organisations: [...peer.organisations, { name: "org2" }] };
  expect(names(await keeper.pass(toSpec(organisation, [channel])))).toEqual([
    "admin/org2",
    "ca/org2",
    ...pairs("peer-org2-0"),
    "tlsca/org2",
  ]);
});

test("what belongs to nothing any more is not due for ever, and is made anew with its key when it is wanted again", async () => {
  const many = toSpec({ organisations: [{ name: "org1", peers: 2 }] });
  const one = toSpec({ organisations: [{ name: "org1", peers: 1 }] });
  const keeper = createKeeper();
  await keeper.pass(many);
  const key = keeper.read("node/peer-org1-1/tls-key");
  expect(await keeper.pass(one, afterDays(100))).toEqual([]);
  const made = await keeper.pass(one, afterDays(250));
  const gone = made.filter(({ name }) => name.startsWith("node/peer-org1-1/"));
  expect(gone.map(({ renewAt, expiresAt }) => [renewAt, expiresAt])).toEqual([
    [undefined, undefined],
    [undefined, undefined],
  ]);
  expect(keeper.items().every(({ renewAt }) => renewAt === undefined || new Date(renewAt) > afterDays(250))).toBe(true);
  expect(await keeper.pass(one, afterDays(251))).toEqual([]);
  const again = await keeper.pass(many, afterDays(252));
  expect(names(again)).toEqual(["node/peer-org1-1/enrolment", "node/peer-org1-1/tls"]);
  const certificate = new X509Certificate(String(keeper.read("node/peer-org1-1/tls")["pem"]));
  expect(certificate.publicKey.export({ type: "spki", format: "pem" })).toBe(key["publicKey"]);
  expect(keeper.read("node/peer-org1-1/tls")["retired"]).toBeUndefined();
});

test("a node that is dialled at another host gets a TLS certificate for it, and only that", async () => {
  const spec = toSpec({ orderers: 1 });
  const keeper = createKeeper();
  await keeper.pass(spec);
  const made = await keeper.pass(spec, afterDays(1), reserve(spec, "10.1.2.3"));
  expect(names(made)).toEqual(["node/orderer-0/tls", "node/peer-org1-0/tls"]);
  for (const item of made) expect(new X509Certificate(pemOf(item)).checkIP("10.1.2.3")).toBe("10.1.2.3");
  expect(await keeper.pass(spec, afterDays(1), reserve(spec, "10.1.2.3"))).toEqual([]);
});

test("a chaincode server keeps the root that peers know, though another organisation is now the first", async () => {
  const keeper = createKeeper();
  await keeper.pass(toSpec({ organisations: [{ name: "org1" }, { name: "org2" }] }, [channel, chaincode]));
  await keeper.pass(toSpec({ organisations: [{ name: "org2" }] }, [channel, chaincode]), afterDays(250));
  const item = keeper.get("node/chaincode-asset-0/tls");
  expect(item?.version).toBe(2);
  const root = new X509Certificate(String(keeper.read("tlsca/org1")["pem"]));
  expect(new X509Certificate(String(keeper.read("node/chaincode-asset-0/tls")["pem"])).verify(root.publicKey)).toBe(
    true,
  );
});

test("near its authority's end a certificate ends with it, and there is no end of renewals", async () => {
  const spec = toSpec();
  const keeper = createKeeper();
  await keeper.pass(spec);
  const late = 15 * 365 - 100;
  const made = await keeper.pass(spec, afterDays(late));
  expect(made.length).toBeGreaterThan(0);
  for (const { expiresAt, renewAt } of made) {
    expect(expiresAt).toBe(afterDays(15 * 365).toISOString());
    expect(renewAt).toBeUndefined();
  }
  expect(await keeper.pass(spec, afterDays(late + 1))).toEqual([]);
  expect(await keeper.pass(spec, afterDays(15 * 365 + 1))).toEqual([]);
});

test("a custodian that fails leaves nothing half made", async () => {
  const signer = highSigner();
  const failing = { ...signer, sign: async () => Promise.reject(new Error("no custody today")) };
  const spec = toSpec();
  const context = { addresses: reserve(spec), signer: failing, random: seededRandom(1), now: start };
  await expect(makeMaterial(spec, [], context)).rejects.toThrow("no custody today");
});
