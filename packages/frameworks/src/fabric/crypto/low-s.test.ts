import { createHash, createPrivateKey, generateKeyPairSync, sign, verify } from "node:crypto";
import { p256 } from "@noble/curves/nist.js";
import { seededRandom } from "@portolan/testing";
import fc from "fast-check";
import { expect, test } from "vitest";
import { toLowS } from "./low-s.ts";
import { newP256Key } from "./p256-key.ts";

const half = p256.Point.Fn.ORDER / 2n;
const sOf = (der: Uint8Array): bigint => p256.Signature.fromBytes(der, "der").s;

test("each signature comes back with the lower S, and still verifies", () => {
  const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "prime256v1" });
  let high = 0;
  for (let count = 0; count < 64; count++) {
    const data = Buffer.from(`message ${count}`);
    const given = sign("sha256", data, privateKey);
    if (sOf(given) > half) high++;
    const low = toLowS(given);
    expect(sOf(low)).toBeLessThanOrEqual(half);
    expect(verify("sha256", data, publicKey, low)).toBe(true);
    expect(toLowS(low)).toEqual(low);
  }
  // OpenSSL takes either by chance: without a high one among 64 this proved nothing.
  expect(high).toBeGreaterThan(0);
});

test("what is not a signature is not passed on", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 80 }), (bytes) => {
      expect(() => toLowS(bytes)).toThrow();
    }),
  );
});

test("a key is made of the random bytes alone, and its halves belong together", () => {
  const { privateKeyPem, publicKeyPem } = newP256Key(seededRandom("key"));
  expect(newP256Key(seededRandom("key"))).toEqual({ privateKeyPem, publicKeyPem });
  expect(newP256Key(seededRandom("other")).publicKeyPem).not.toBe(publicKeyPem);
  const key = createPrivateKey(privateKeyPem);
  expect(key.asymmetricKeyDetails).toEqual({ namedCurve: "prime256v1" });
  expect(key.export({ type: "pkcs8", format: "pem" })).toBe(privateKeyPem);
  const data = createHash("sha256").update("data").digest();
  expect(verify("sha256", data, publicKeyPem, sign("sha256", data, key))).toBe(true);
});

test("every random input makes a usable key, the extremes too", () => {
  for (const fill of [0x00, 0xff]) {
    const { privateKeyPem } = newP256Key({ bytes: (size) => new Uint8Array(size).fill(fill) });
    expect(createPrivateKey(privateKeyPem).asymmetricKeyType).toBe("ec");
  }
});
