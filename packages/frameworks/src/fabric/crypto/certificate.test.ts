import { execFileSync } from "node:child_process";
import { createHash, createPublicKey, sign, X509Certificate } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { p256 } from "@noble/curves/nist.js";
import { AsnConvert } from "@peculiar/asn1-schema";
import { Certificate } from "@peculiar/asn1-x509";
import { requireProgram, seededRandom, temporaryDirectory } from "@portolan/testing";
import { expect, test } from "vitest";
import { type CertificateRequest, issueCertificate } from "./certificate.ts";
import { newP256Key } from "./p256-key.ts";
import { fromPem } from "./pem.ts";
import { issueCrl } from "./revocation-list.ts";
import { toSerialNumber } from "./serial-number.ts";

const openssl = requireProgram("openssl");
const half = p256.Point.Fn.ORDER / 2n;
const notBefore = new Date("2026-01-01T00:00:00.750Z");
const notAfter = new Date("2027-01-01T00:00:00.000Z");

const random = seededRandom("certificates");
const serial = (): Uint8Array => toSerialNumber(random.bytes(16));
const authority = newP256Key(random);
const signAs = (key: { privateKeyPem: string }) => async (tbs: Uint8Array) => sign("sha256", tbs, key.privateKeyPem);

const toAuthority = () =>
  issueCertificate({
    subject: { commonName: "ca.org1", organisation: "org1" },
    publicKey: authority.publicKeyPem,
    isAuthority: true,
    usage: "ca",
    notBefore,
    notAfter: new Date("2041-01-01T00:00:00.000Z"),
    serial: serial(),
    issuer: null,
    sign: signAs(authority),
  });

const toLeaf = async (changes: Partial<CertificateRequest> = {}) => {
  const root = await toAuthority();
  const key = newP256Key(random);
  const leaf = await issueCertificate({
    subject: { commonName: "peer-org1-0", organisation: "org1", unit: "peer" },
    publicKey: key.publicKeyPem,
    isAuthority: false,
    usage: "identity",
    notBefore,
    notAfter,
    serial: serial(),
    issuer: root,
    sign: signAs(authority),
    ...changes,
  });
  return { root, leaf, key };
};

/** What OpenSSL makes of a certificate: an opinion that shares no code with ours. */
const describe = (pem: string): string =>
  execFileSync(String(openssl), ["x509", "-noout", "-text"], { input: pem, encoding: "utf8" });

const skiOf = (publicKeyPem: string): string => {
  const spki = createPublicKey(publicKeyPem).export({ type: "spki", format: "der" });
  return createHash("sha256").update(spki.subarray(-65)).digest("hex");
};

test("an authority's certificate is signed by itself and may sign certificates and lists, nothing else", async () => {
  const { pem, serial: number, notAfter: end } = await toAuthority();
  const certificate = new X509Certificate(pem);
  expect(certificate.verify(createPublicKey(authority.publicKeyPem))).toBe(true);
  expect(certificate.checkIssued(certificate)).toBe(true);
  expect(certificate.ca).toBe(true);
  expect(certificate.subject).toBe("O=org1\nCN=ca.org1");
  expect(certificate.serialNumber.toLowerCase()).toBe(number);
  expect(certificate.validToDate.toISOString()).toBe(end);
  expect(certificate.validFromDate.toISOString()).toBe("2026-01-01T00:00:00.000Z");
  if (openssl === undefined) return;
  const text = describe(pem);
  expect(text).toMatch(/X509v3 Key Usage: critical\s+Certificate Sign, CRL Sign\n/);
  expect(text).toMatch(/X509v3 Basic Constraints: critical\s+CA:TRUE, pathlen:0/);
  expect(text).toMatch(/X509v3 Subject Key Identifier: ?\s/);
});

test("an identity's certificate says its unit and signs; it is no authority", async () => {
  const { root, leaf, key } = await toLeaf();
  const certificate = new X509Certificate(leaf.pem);
  expect(certificate.verify(new X509Certificate(root.pem).publicKey)).toBe(true);
  expect(certificate.verify(createPublicKey(key.publicKeyPem))).toBe(false);
  expect(certificate.checkIssued(new X509Certificate(root.pem))).toBe(true);
  expect(certificate.ca).toBe(false);
  expect(certificate.subject).toBe("O=org1\nOU=peer\nCN=peer-org1-0");
  expect(certificate.issuer).toBe("O=org1\nCN=ca.org1");
  expect(certificate.publicKey.export({ type: "spki", format: "pem" })).toBe(key.publicKeyPem);
  expect(certificate.subjectAltName).toBeUndefined();
  if (openssl === undefined) return;
  const text = describe(leaf.pem).replaceAll(":", "").toLowerCase();
  expect(text).toMatch(/x509v3 key usage critical\s+digital signature\n/);
  expect(text).toMatch(new RegExp(`x509v3 subject key identifier\\s+${skiOf(key.publicKeyPem)}`));
  expect(text).toMatch(new RegExp(`x509v3 authority key identifier\\s+${skiOf(authority.publicKeyPem)}`));
  expect(text).not.toContain("extended key usage");
});

test("a TLS certificate is for its hosts, as server and as client", async () => {
  const hosts = ["peer-org1-0.chain.svc", "localhost", "127.0.0.1", "fd00::7"];
  const { leaf } = await toLeaf({ usage: "tls", hosts });
  const certificate = new X509Certificate(leaf.pem);
  expect(certificate.subjectAltName).toBe(
    "DNS:peer-org1-0.chain.svc, DNS:localhost, IP Address:127.0.0.1, IP Address:FD00:0:0:0:0:0:0:7",
  );
  expect(certificate.checkHost("peer-org1-0.chain.svc")).toBe("peer-org1-0.chain.svc");
  expect(certificate.checkHost("peer-org1-1.chain.svc")).toBeUndefined();
  expect(certificate.checkIP("127.0.0.1")).toBe("127.0.0.1");
  expect(certificate.keyUsage).toEqual(["1.3.6.1.5.5.7.3.1", "1.3.6.1.5.5.7.3.2"]);
});

test("nothing outlives its issuer", async () => {
  const { root, leaf } = await toLeaf({ notAfter: new Date("2050-01-01T00:00:00.000Z") });
  expect(leaf.notAfter).toBe(root.notAfter);
  expect(new X509Certificate(leaf.pem).validToDate).toEqual(new X509Certificate(root.pem).validToDate);
});

test("signatures in certificates and lists are low-S", async () => {
  for (let count = 0; count < 20; count++) {
    const { root, leaf } = await toLeaf();
    for (const { pem } of [root, leaf]) {
      const der = fromPem(pem, "CERTIFICATE") ?? new Uint8Array();
      const { signatureValue } = AsnConvert.parse(der, Certificate);
      const { s } = p256.Signature.fromBytes(new Uint8Array(signatureValue), "der");
      expect(s).toBeLessThanOrEqual(half);
    }
  }
});

test("a serial number is positive, whatever the bytes", () => {
  for (const fill of [0x00, 0x80, 0xff]) {
    const made = toSerialNumber(new Uint8Array(16).fill(fill));
    expect(made[0]).toBeGreaterThanOrEqual(0x40);
    expect(made[0]).toBeLessThan(0x80);
  }
});

test("openssl accepts the chain, and refuses a certificate that the list names", async (context) => {
  if (openssl === undefined) return context.skip();
  const directory = temporaryDirectory("crl");
  const { root, leaf } = await toLeaf();
  const other = await toLeaf({ issuer: root });
  const place = (name: string, pem: string): string => {
    writeFileSync(join(directory, name), pem);
    return join(directory, name);
  };
  const crl = await issueCrl({
    issuerPem: root.pem,
    serials: [leaf.serial],
    number: 3,
    thisUpdate: notBefore,
    nextUpdate: notAfter,
    sign: signAs(authority),
  });
  const ca = place("ca.pem", root.pem);
  const list = place("crl.pem", crl.pem);
  const run = (...args: string[]): string => execFileSync(openssl, args, { encoding: "utf8", stdio: "pipe" });
  const at = ["-attime", String(Date.parse("2026-06-01T00:00:00Z") / 1000), "-x509_strict"];
  const revoked = place("revoked.pem", leaf.pem);
  const good = place("good.pem", other.leaf.pem);
  expect(run("verify", ...at, "-CAfile", ca, revoked)).toContain("OK");
  expect(run("verify", ...at, "-CAfile", ca, "-crl_check", "-CRLfile", list, good)).toContain("OK");
  expect(() => run("verify", ...at, "-CAfile", ca, "-crl_check", "-CRLfile", list, revoked)).toThrow(
    /certificate revoked/,
  );
  const text = run("crl", "-in", list, "-CAfile", ca, "-noout", "-text");
  expect(text.toLowerCase()).toContain(`serial number: ${leaf.serial}`);
  expect(text).toMatch(/X509v3 CRL Number:\s+3\n/);
  expect(text.replaceAll(":", "").toLowerCase()).toContain(skiOf(authority.publicKeyPem));
});

test("a list of nothing is a list", async (context) => {
  if (openssl === undefined) return context.skip();
  const root = await toAuthority();
  const request = { issuerPem: root.pem, serials: [], number: 1, thisUpdate: notBefore, nextUpdate: notAfter };
  const { pem } = await issueCrl({ ...request, sign: signAs(authority) });
  const text = execFileSync(openssl, ["crl", "-noout", "-text"], { input: pem, encoding: "utf8" });
  expect(text).toContain("No Revoked Certificates");
});
