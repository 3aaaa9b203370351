import { execFileSync } from "node:child_process";
import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject, sign } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { CertificationRequest, CertificationRequestInfo } from "@peculiar/asn1-csr";
import { AsnConvert } from "@peculiar/asn1-schema";
import { AlgorithmIdentifier, Name, SubjectPublicKeyInfo } from "@peculiar/asn1-x509";
import { DomainError } from "@portolan/domain";
import { requireProgram, seededRandom, temporaryDirectory } from "@portolan/testing";
import { expect, test } from "vitest";
import { parseCsr } from "./csr.ts";
import { newP256Key } from "./p256-key.ts";
import { toPem } from "./pem.ts";

const openssl = requireProgram("openssl");

const toCsr = (publicKey: KeyObject, privateKey: KeyObject, algorithm = "1.2.840.10045.4.3.2"): string => {
  const info = new CertificationRequestInfo({
    subject: new Name([]),
    subjectPKInfo: AsnConvert.parse(publicKey.export({ type: "spki", format: "der" }), SubjectPublicKeyInfo),
  });
  const signed = Buffer.from(AsnConvert.serialize(info));
  const request = new CertificationRequest({
    certificationRequestInfo: info,
    signatureAlgorithm: new AlgorithmIdentifier({ algorithm }),
    signature: new Uint8Array(sign("sha256", signed, privateKey)).buffer,
  });
  return toPem("CERTIFICATE REQUEST", new Uint8Array(AsnConvert.serialize(request)));
};

const pair = (seed: string) => {
  const { privateKeyPem, publicKeyPem } = newP256Key(seededRandom(seed));
  return { privateKey: createPrivateKey(privateKeyPem), publicKey: createPublicKey(publicKeyPem), publicKeyPem };
};

const refusal = (pem: string): string => {
  try {
    parseCsr(pem);
  } catch (error) {
    if (!(error instanceof DomainError)) throw error;
    expect(error.code).toBe("chain.settings_invalid");
    expect(error.hint).toContain("openssl req -new");
    return error.message;
  }
  throw new Error("it was taken");
};

test("a request that is signed with its own key gives that key", () => {
  const { privateKey, publicKey, publicKeyPem } = pair("own");
  expect(parseCsr(toCsr(publicKey, privateKey))).toEqual({ publicKeyPem });
});

test("the hint's own commands make a request that is taken", (context) => {
  if (openssl === undefined) return context.skip();
  const run = (...args: string[]): string => execFileSync(openssl, args, { encoding: "utf8" });
  const file = join(temporaryDirectory("csr"), "key.pem");
  run("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", file);
  const csr = run("req", "-new", "-key", file, "-subj", "/CN=me");
  const expected = createPublicKey(readFileSync(file)).export({ type: "spki", format: "pem" });
  expect(parseCsr(csr).publicKeyPem).toBe(expected);
});

test("a request for somebody else's key is refused", () => {
  const message = refusal(toCsr(pair("victim").publicKey, pair("thief").privateKey));
  expect(message).toContain("signature is not by the key");
});

test("other curves and other kinds of keys are refused", () => {
  const p384 = generateKeyPairSync("ec", { namedCurve: "secp384r1" });
  const k256 = generateKeyPairSync("ec", { namedCurve: "secp256k1" });
  const rsa = generateKeyPairSync("rsa", { modulusLength: 2048 });
  for (const { publicKey, privateKey } of [p384, k256, rsa])
    expect(refusal(toCsr(publicKey, privateKey))).toContain("not on the curve P-256");
});

test("a signature by a weak or unknown algorithm is refused", () => {
  const { publicKey, privateKey } = pair("own");
  expect(refusal(toCsr(publicKey, privateKey, "1.2.840.10045.4.1"))).toContain("not signed with ECDSA and SHA-256");
});

test("what is no request is refused, and one that is too long unread", () => {
  const { publicKeyPem, publicKey, privateKey } = pair("own");
  expect(refusal("")).toContain("not PEM");
  expect(refusal(publicKeyPem)).toContain("not PEM");
  expect(refusal(toPem("CERTIFICATE REQUEST", new Uint8Array(40).fill(0x30)))).toContain("can't be read");
  expect(refusal(`${toCsr(publicKey, privateKey)}${"\n".repeat(10_000)}`)).toContain("longer than");
});

test("a request that begins and never ends is refused at once", () => {
  const began = performance.now();
  for (const filling of [" ", "\n", "A ", "-----BEGIN CERTIFICATE REQUEST-----\n"])
    expect(refusal(`-----BEGIN CERTIFICATE REQUEST-----${filling.repeat(9_960 / filling.length)}`)).toContain(
      "not PEM",
    );
  // Several repetitions over the same white space took minutes.
  expect(performance.now() - began).toBeLessThan(30_000);
});

test("a point that is not on the curve is refused", () => {
  const { publicKey, privateKey } = pair("own");
  const pem = toCsr(publicKey, privateKey);
  const der = Buffer.from(pem.replace(/-----[A-Z ]+-----|\s/g, ""), "base64");
  const point = publicKey.export({ type: "spki", format: "der" }).subarray(-64);
  der[der.indexOf(point) + 40] = (der[der.indexOf(point) + 40] ?? 0) ^ 1;
  expect(refusal(toPem("CERTIFICATE REQUEST", der))).toMatch(/no public key that can be used|signature is not by/);
});
