import { createDecipheriv, scryptSync } from "node:crypto";
import { canonicalJson } from "@portolan/domain";
import { describe, expect, it } from "vitest";
import { openWithPassphrase, type PassphraseBox, sealWithPassphrase } from "./seal-with-passphrase.ts";

const cost = { logN: 4, r: 8, p: 1 };
const passphrase = "twelve or more characters";
const clear = { format: "x/1", chainId: "chn_a", list: [1, 2] };
const plain = Buffer.from("mnemonic");
const seal = () => sealWithPassphrase(passphrase, plain, clear, { cost });

describe("sealing with a pass phrase", () => {
  it("opens with the same pass phrase and the same clear part, whatever the order of its members", async () => {
    const box = await seal();
    const turned = { list: [1, 2], chainId: "chn_a", format: "x/1" };
    expect(await openWithPassphrase(passphrase, box, turned)).toEqual(plain);
    expect(Buffer.from(box.sealed).includes(plain)).toBe(false);
    const again = await seal();
    expect([again.kdf.salt, Buffer.from(again.sealed)]).not.toEqual([box.kdf.salt, Buffer.from(box.sealed)]);
  });

  it("is scrypt and AES-256-GCM, as anybody can compute them", async () => {
    const { kdf, sealed } = await seal();
    const key = scryptSync(passphrase, Buffer.from(kdf.salt, "base64url"), 32, { N: 16, r: 8, p: 1 });
    const box = Buffer.from(sealed);
    const decipher = createDecipheriv("aes-256-gcm", key, box.subarray(0, 12));
    decipher.setAAD(Buffer.from(`portolan/passphrase/v1\n${canonicalJson({ clear, kdf })}`));
    decipher.setAuthTag(box.subarray(12, 28));
    expect(Buffer.concat([decipher.update(box.subarray(28)), decipher.final()])).toEqual(plain);
  });

  it("is the same for composed and decomposed letters", async () => {
    const box = await sealWithPassphrase("Zürich is a city", plain, clear, { cost });
    expect(await openWithPassphrase("Zu\u0308rich is a city", box, clear)).toEqual(plain);
  });

  it("does not open with anything changed", async () => {
    const box = await seal();
    const flip = (at: number): PassphraseBox => {
      const sealed = Buffer.from(box.sealed);
      sealed[at] = (sealed[at] ?? 0) ^ 1;
      return { ...box, sealed };
    };
    const other = (change: object): PassphraseBox => ({ ...box, kdf: { ...box.kdf, ...change } });
    const refused: [string, PassphraseBox, object][] = [
      [`${passphrase}.`, box, clear],
      [passphrase, box, { ...clear, chainId: "chn_b" }],
      [passphrase, box, { ...clear, more: 1 }],
      [passphrase, flip(0), clear],
      [passphrase, flip(12), clear],
      [passphrase, flip(box.sealed.byteLength - 1), clear],
      [passphrase, { ...box, sealed: box.sealed.subarray(0, 20) }, clear],
      [passphrase, other({ salt: "A".repeat(22) }), clear],
      [passphrase, other({ logN: 5 }), clear],
    ];
    for (const [phrase, changed, beside] of refused)
      await expect(openWithPassphrase(phrase, changed, beside)).rejects.toMatchObject({ code: "custody.tampered" });
  });

  it.each([{ logN: 19 }, { logN: 31 }, { r: 9 }, { p: 2 }, { logN: 0 }, { logN: 4.5 }, { salt: "" }, { name: "md5" }])(
    "computes nothing for parameters beyond the bounds: %j",
    async (change) => {
      const box = await seal();
      const started = performance.now();
      const asked = { ...box, kdf: { ...box.kdf, ...change } } as PassphraseBox;
      await expect(openWithPassphrase(passphrase, asked, clear)).rejects.toMatchObject({ code: "custody.tampered" });
      expect(performance.now() - started).toBeLessThan(100);
    },
  );
});
