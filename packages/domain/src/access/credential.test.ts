import { crc32 as zlibCrc32 } from "node:zlib";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { crc32 } from "./crc32.ts";
import {
  credentialPrefixes,
  formatCredential,
  formatKey,
  parseCredential,
  parseKey,
  parseRefreshToken,
  parseServiceAccountKey,
  redactCredentials,
} from "./credential.ts";

const secrets = fc.uint8Array({ minLength: 32, maxLength: 32 });
const kinds = fc.constantFrom("key" as const, "serviceAccountKey" as const, "refreshToken" as const);

describe("crc32", () => {
  it("is the CRC-32 of the published check value", () => {
    expect(crc32("123456789")).toBe(0xcbf43926);
  });

  it("agrees with zlib on any ASCII text", () => {
    fc.assert(fc.property(fc.string({ unit: "binary-ascii" }), (text) => crc32(text) === zlibCrc32(text)));
  });
});

describe("a credential", () => {
  it("has the prefix, 43 characters of secret and 6 of checksum, for every secret", () => {
    fc.assert(
      fc.property(kinds, secrets, (kind, secret) => {
        const text = formatCredential(kind, secret);
        expect(text).toMatch(new RegExp(`^${credentialPrefixes[kind]}_[0-9A-Za-z]{49}$`));
        expect(parseCredential(text)).toEqual({ ok: true, kind, prefix: text.slice(0, 8) });
      }),
    );
  });

  it("differs whenever the secret does", () => {
    fc.assert(
      fc.property(secrets, fc.nat(31), fc.integer({ min: 1, max: 255 }), (secret, at, flip) => {
        const other = Uint8Array.from(secret);
        other[at] = (other[at] ?? 0) ^ flip;
        return formatKey(secret) !== formatKey(other);
      }),
    );
  });

  it("is refused after any change of one character, the prefix included", () => {
    const characters = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_-";
    fc.assert(
      fc.property(secrets, fc.nat(52), fc.constantFrom(...characters), (secret, at, character) => {
        const text = formatKey(secret);
        fc.pre(text[at] !== character);
        return parseCredential(text.slice(0, at) + character + text.slice(at + 1)) === null;
      }),
    );
  });

  it.each(["", "ptl_", "ptl", "x".repeat(53), "ptl_".padEnd(53, "é"), `${"a".repeat(1_000_000)}`])(
    "refuses a text of another form (%#)",
    (text) => {
      expect(parseCredential(text)).toBeNull();
    },
  );

  it("refuses a trailing line break and surrounding blanks", () => {
    const key = formatKey(new Uint8Array(32));
    expect(parseKey(`${key}\n`)).toBeNull();
    expect(parseKey(` ${key}`)).toBeNull();
  });

  it("is read by its own kind's parser only", () => {
    const secret = new Uint8Array(32).fill(9);
    expect(parseKey(formatCredential("serviceAccountKey", secret))).toBeNull();
    expect(parseKey(formatCredential("refreshToken", secret))).toBeNull();
    expect(parseServiceAccountKey(formatKey(secret))).toBeNull();
    expect(parseRefreshToken(formatCredential("refreshToken", secret))?.kind).toBe("refreshToken");
  });

  it("is not made from fewer than 256 bits", () => {
    expect(() => formatKey(new Uint8Array(31))).toThrow(RangeError);
  });

  it("is redacted wherever it stands in a text, whole or cut", () => {
    const key = formatKey(new Uint8Array(32).fill(77));
    const redacted = redactCredentials(`POST /chn_1/${key}?a=1 and ${key.slice(0, 30)}`);
    expect(redacted).toBe(`POST /chn_1/${key.slice(0, 8)}…?a=1 and ${key.slice(0, 8)}…`);
  });
});
