import { execFileSync } from "node:child_process";
import { createPrivateKey, createPublicKey, sign, X509Certificate } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { p256 } from "@noble/curves/nist.js";
import { CertificationRequest, CertificationRequestInfo } from "@peculiar/asn1-csr";
import { AsnConvert } from "@peculiar/asn1-schema";
import { AlgorithmIdentifier, CertificateList, Name, SubjectPublicKeyInfo } from "@peculiar/asn1-x509";
import type { JsonObject, MaterialItem } from "@portolan/domain";
import { requireProgram, seededRandom, temporaryDirectory } from "@portolan/testing";
import { expect, test } from "vitest";
import { afterDays, createKeeper, part, reserve, toSpec } from "../../../test/fabric-material.ts";
import { newP256Key } from "../crypto/p256-key.ts";
import { fromPem, toPem } from "../crypto/pem.ts";
import { makeMaterial } from "../material.ts";

const openssl = requireProgram("openssl");

const ownKey = (seed: string) => {
  const { privateKeyPem, publicKeyPem } = newP256Key(seededRandom(seed));
  const info = new CertificationRequestInfo({
    subject: new Name([]),
    subjectPKInfo: AsnConvert.parse(
      createPublicKey(publicKeyPem).export({ type: "spki", format: "der" }),
      SubjectPublicKeyInfo,
    ),
  });
  const signature = sign("sha256", Buffer.from(AsnConvert.serialize(info)), createPrivateKey(privateKeyPem));
  const request = new CertificationRequest({
    certificationRequestInfo: info,
    signatureAlgorithm: new AlgorithmIdentifier({ algorithm: "1.2.840.10045.4.3.2" }),
    signature: new Uint8Array(signature).buffer,
  });
  return { publicKeyPem, csr: toPem("CERTIFICATE REQUEST", new Uint8Array(AsnConvert.serialize(request))) };
};

const alice = (settings: JsonObject = {}, isDeleted = false) =>
  toSpec({ organisations: [{ name: "org1" }, { name: "org2" }] }, [
    part("identity", "alice", { organisation: "org1", ...settings }, isDeleted ? { isDeleted } : {}),
  ]);
const requests = new Map<string, string>();
/** The same request each time: its signature is another one whenever it is made. */
const own = (seed: string) => {
  const csr = requests.get(seed) ?? ownKey(seed).csr;
  requests.set(seed, csr);
  return { keys: { mode: "own", csr } };
};
const item = "identity/identity_alice";
const names = (made: readonly MaterialItem[]): string[] => made.map(({ name }) => name).sort();

test("an identity whose key the plane holds: the certificate says what it may, the key is in custody", async () => {
  const keeper = createKeeper();
  await keeper.pass(toSpec());
  const made = await keeper.pass(alice({ role: "admin", validDays: 30 }));
  const found = made.find(({ name }) => name === item);
  expect(found).toMatchObject({ owner: "plane", hasSecret: false, renewAt: afterDays(20).toISOString() });
  const facts = keeper.read(item);
  expect(facts).toMatchObject({ organisation: "org1", mspId: "Org1MSP", role: "admin" });
  const certificate = new X509Certificate(String(facts["pem"]));
  expect(certificate.subject).toBe("O=org1\nOU=admin\nCN=alice");
  expect(certificate.verify(new X509Certificate(String(keeper.read("ca/org1")["pem"])).publicKey)).toBe(true);
  const { publicKey } = await keeper.signer.createKey(item, "p256");
  expect(certificate.publicKey.export({ type: "spki", format: "pem" })).toBe(publicKey);
  expect(facts["publicKey"]).toBe(publicKey);
});

test("an identity with its own key: that key is certified, none is made, and it is not renewed by itself", async () => {
  const keeper = createKeeper();
  await keeper.pass(toSpec({ organisations: [{ name: "org1" }, { name: "org2" }] }));
  const { publicKeyPem } = ownKey("alice");
  const made = await keeper.pass(alice(own("alice")));
  expect(names(made)).toEqual([item]);
  expect(made[0]).toMatchObject({ owner: "customer", hasSecret: false });
  expect(made[0]?.renewAt).toBeUndefined();
  expect((keeper.signer as unknown as { created: string[] }).created).not.toContain(item);
  const certificate = new X509Certificate(String(keeper.read(item)["pem"]));
  expect(certificate.publicKey.export({ type: "spki", format: "pem" })).toBe(publicKeyPem);
  expect(names(await keeper.pass(alice(own("alice")), afterDays(400)))).not.toContain(item);
});

test("another request makes another certificate; the one before stays good until the identity goes", async () => {
  const keeper = createKeeper();
  await keeper.pass(alice(own("first")));
  const first = keeper.read(item)["serial"];
  expect(names(await keeper.pass(alice(own("second")), afterDays(10)))).toEqual([item]);
  const second = keeper.read(item)["serial"];
  expect(keeper.read(item)["publicKey"]).toBe(ownKey("second").publicKeyPem);
  expect(await keeper.pass(alice(own("second")), afterDays(10))).toEqual([]);
  const made = await keeper.pass(alice(own("second"), true), afterDays(20));
  expect(names(made)).toEqual(["crl/org1"]);
  expect(new Set(keeper.read("crl/org1")["serials"] as string[])).toEqual(new Set([first, second]));
});

test("somebody who sends request after request keeps a handful of certificates, the rest is revoked", async () => {
  const keeper = createKeeper();
  for (let count = 0; count < 12; count++) await keeper.pass(alice(own(`key ${count}`)), afterDays(count));
  expect(keeper.read(item)["earlier"]).toHaveLength(8);
  expect(keeper.read("crl/org1")["serials"]).toHaveLength(3);
});

test("a deleted identity is on its organisation's list, once; the other organisation has no list", async () => {
  const keeper = createKeeper();
  await keeper.pass(alice());
  const serial = keeper.read(item)["serial"];
  expect(names(await keeper.pass(alice({}, true)))).toEqual(["crl/org1"]);
  expect(keeper.read("crl/org1")).toMatchObject({ serials: [serial], number: 1 });
  expect(await keeper.pass(alice({}, true))).toEqual([]);
  // The part is no longer listed at all: still revoked, still nothing to do.
  expect(await keeper.pass(toSpec({ organisations: [{ name: "org1" }, { name: "org2" }] }))).toEqual([]);
});

test("an identity that is gone from the parts is revoked too, also where nobody said that it is deleted", async () => {
  const keeper = createKeeper();
  await keeper.pass(alice());
  expect(names(await keeper.pass(toSpec({ organisations: [{ name: "org1" }, { name: "org2" }] })))).toEqual([
    "crl/org1",
  ]);
});

test("after a renewal both certificates are revoked, but not one that ran out", async () => {
  const keeper = createKeeper();
  await keeper.pass(alice({ validDays: 30 }));
  const serials = [keeper.read(item)["serial"]];
  await keeper.pass(alice({ validDays: 30 }), afterDays(20));
  serials.push(keeper.read(item)["serial"]);
  await keeper.pass(alice({ validDays: 30 }), afterDays(40));
  serials.push(keeper.read(item)["serial"]);
  expect(keeper.get(item)?.version).toBe(3);
  await keeper.pass(alice({ validDays: 30 }, true), afterDays(41));
  expect(new Set(keeper.read("crl/org1")["serials"] as string[])).toEqual(new Set(serials.slice(1)));
});

test("another role takes the former one's certificates away", async () => {
  const keeper = createKeeper();
  await keeper.pass(alice({ role: "admin" }));
  const admin = keeper.read(item)["serial"];
  expect(names(await keeper.pass(alice({ role: "client" })))).toEqual(["crl/org1", item]);
  expect(keeper.read("crl/org1")["serials"]).toEqual([admin]);
  expect(new X509Certificate(String(keeper.read(item)["pem"])).subject).toContain("OU=client");
  expect(await keeper.pass(alice({ role: "client" }))).toEqual([]);
});

test("a list grows with its number, is renewed before it runs out, and openssl finds the identity on it", async () => {
  const keeper = createKeeper();
  await keeper.pass(alice());
  const pem = String(keeper.read(item)["pem"]);
  await keeper.pass(alice({}, true));
  expect(keeper.get("crl/org1")).toMatchObject({ kind: "document", renewAt: afterDays((365 * 2) / 3).toISOString() });
  const bob = toSpec({ organisations: [{ name: "org1" }, { name: "org2" }] }, [
    part("identity", "bob", { organisation: "org1" }),
  ]);
  await keeper.pass(bob, afterDays(1));
  await keeper.pass(alice({}, true), afterDays(2));
  expect(keeper.read("crl/org1")["serials"]).toHaveLength(2);
  expect(keeper.read("crl/org1")["number"]).toBe(2);
  await keeper.pass(alice({}, true), afterDays(300));
  expect(keeper.read("crl/org1")["serials"]).toHaveLength(2);
  expect(keeper.read("crl/org1")["number"]).toBe(3);
  const der = fromPem(String(keeper.read("crl/org1")["pem"]), "X509 CRL") ?? new Uint8Array();
  const { signature } = AsnConvert.parse(der, CertificateList);
  expect(p256.Signature.fromBytes(new Uint8Array(signature), "der").hasHighS()).toBe(false);
  if (openssl === undefined) return;
  const directory = temporaryDirectory("list");
  const place = (name: string, text: unknown): string => {
    writeFileSync(join(directory, name), String(text));
    return join(directory, name);
  };
  const files = [place("ca.pem", keeper.read("ca/org1")["pem"]), place("crl.pem", keeper.read("crl/org1")["pem"])];
  const at = String(Math.floor(afterDays(301).getTime() / 1000));
  const verify = (certificate: string): string =>
    execFileSync(
      openssl,
      ["verify", "-attime", at, "-CAfile", String(files[0]), "-crl_check", "-CRLfile", String(files[1]), certificate],
      { encoding: "utf8", stdio: "pipe" },
    );
  expect(() => verify(place("alice.pem", pem))).toThrow(/certificate revoked/);
  expect(verify(place("admin.pem", keeper.read("admin/org1")["pem"]))).toContain("OK");
});

test("a request that can't be used names the identity, and nothing is made", async () => {
  const keeper = createKeeper();
  const wish = alice({ keys: { mode: "own", csr: "-----BEGIN NONSENSE-----" } });
  await expect(keeper.pass(wish)).rejects.toMatchObject({
    code: "chain.settings_invalid",
    message: 'Identity "alice": The certificate request is not PEM of a PKCS #10 request.',
  });
  expect(keeper.items()).toEqual([]);
});

test("an identity of an organisation that is not there gets nothing, and has it again when that one is back", async () => {
  const keeper = createKeeper();
  const spec = alice({ organisation: "org2" });
  await keeper.pass(spec);
  const alone = { ...spec, settings: toSpec().settings };
  expect(await keeper.pass(alone, afterDays(1))).toEqual([]);
  expect(await keeper.pass(spec, afterDays(2))).toEqual([]);
});

test("a pass over thousands of identities in which nothing is due signs nothing and is quick", async () => {
  const count = 10_000;
  const keeper = createKeeper();
  await keeper.pass(alice());
  const sample = keeper.get(item);
  if (sample === undefined) throw new Error("there is no identity");
  const ids = Array.from({ length: count }, (_, index) => `u${index}`);
  const spec = toSpec(
    { organisations: [{ name: "org1" }, { name: "org2" }] },
    ids.map((id) => part("identity", id, { organisation: "org1" }, { id })),
  );
  const existing = [
    ...keeper.items().filter(({ name }) => name !== item),
    ...ids.map((id) => ({ ...sample, name: `identity/${id}` })),
  ];
  const signer = { ...keeper.signer, sign: async () => Promise.reject(new Error("nothing is to be signed")) };
  const context = { addresses: reserve(spec), signer, random: seededRandom(1), now: afterDays(1) };
  const began = performance.now();
  expect(await makeMaterial(spec, existing, context)).toEqual([]);
  // Quadratic, it would take minutes; this is some tens of milliseconds on an idle machine.
  expect(performance.now() - began).toBeLessThan(30_000);
});
