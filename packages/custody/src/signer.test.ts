import { createHash, createPrivateKey, verify } from "node:crypto";
import { inspect } from "node:util";
import type { SignatureAlgorithm } from "@portolan/domain";
import fc from "fast-check";
import { expect, test } from "vitest";
import { createCustody } from "./custody.ts";
import { type AuthorityKeyRecord, type AuthorityKeyStore, createSigner } from "./signer.ts";
import { createStaticKeks } from "./static-keks.ts";

const custody = createCustody({ kek: createStaticKeks([{ id: "k", key: Buffer.alloc(32, 5) }]) });
const scope = { tenantId: "ten_1", chainId: "chn_1" };
const algorithms: SignatureAlgorithm[] = ["ed25519", "p256", "secp256k1"];

const memoryKeys = (): AuthorityKeyStore & { rows: Map<string, AuthorityKeyRecord> } => {
  const rows = new Map<string, AuthorityKeyRecord>();
  return {
    rows,
    get: async (ref) => rows.get(ref),
    insertIfAbsent: async (record) => {
      const found = rows.get(record.ref);
      if (!found) rows.set(record.ref, record);
      return found ?? record;
    },
  };
};

test.each(algorithms)("%s: signatures verify with the public key alone", async (algorithm) => {
  const signer = createSigner({ custody, keys: memoryKeys(), scope });
  const { publicKey, ...rest } = await signer.createKey("authority/org1", algorithm);
  expect(rest).toEqual({ ref: "authority/org1", algorithm });
  expect(publicKey).toMatch(/^-----BEGIN PUBLIC KEY-----/);
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ maxLength: 500 }), async (data) => {
      const signature = await signer.sign("authority/org1", data);
      const digest = algorithm === "ed25519" ? null : "sha256";
      expect(verify(digest, data, publicKey, signature)).toBe(true);
      expect(verify(digest, createHash("sha256").update(data).digest(), publicKey, signature)).toBe(false);
    }),
    { numRuns: 20 },
  );
  if (algorithm === "ed25519") expect((await signer.sign("authority/org1", Buffer.from("x"))).byteLength).toBe(64);
});

test("the same ref is always the same key, also for twenty at once and for a second process", async () => {
  const keys = memoryKeys();
  const signers = [createSigner({ custody, keys, scope }), createSigner({ custody, keys, scope })];
  const made = await Promise.all(Array.from({ length: 20 }, (_, index) => signers[index % 2]?.createKey("ca", "p256")));
  expect(new Set(made.map((info) => info?.publicKey)).size).toBe(1);
  await expect(signers[0]?.createKey("ca", "ed25519")).rejects.toMatchObject({ code: "custody.unavailable" });
});

test("an unknown or unusable reference is refused", async () => {
  const signer = createSigner({ custody, keys: memoryKeys(), scope });
  for (const ref of ["nobody", "", "../x", "a\nb", "x".repeat(200)])
    await expect(signer.sign(ref, Buffer.from("x"))).rejects.toMatchObject({ code: "custody.unavailable" });
});

test("a key works for its own chain, reference and public half only", async () => {
  const keys = memoryKeys();
  const signer = createSigner({ custody, keys, scope });
  await signer.createKey("one", "ed25519");
  await signer.createKey("two", "ed25519");
  const [one, two] = [keys.rows.get("one"), keys.rows.get("two")];
  if (!one || !two) throw new Error("keys are missing");
  const refused = { code: "custody.tampered" };
  await expect(
    createSigner({ custody, keys, scope: { ...scope, chainId: "chn_2" } }).sign("one", Buffer.from("x")),
  ).rejects.toMatchObject(refused);
  keys.rows.set("one", { ...two, ref: "one" });
  await expect(signer.sign("one", Buffer.from("x"))).rejects.toMatchObject(refused);
  keys.rows.set("one", { ...one, publicKey: two.publicKey });
  await expect(signer.sign("one", Buffer.from("x"))).rejects.toMatchObject(refused);
});

test("private bytes appear in no record, object or error", async () => {
  const keys = memoryKeys();
  const signer = createSigner({ custody, keys, scope });
  const info = await signer.createKey("ca", "p256");
  const record = keys.rows.get("ca");
  if (!record) throw new Error("key is missing");
  const der = await custody.open(record.sealedPrivateKey, { ...scope, purpose: "authority/p256/ca", version: 1 });
  const secret = String(createPrivateKey({ key: der, format: "der", type: "pkcs8" }).export({ format: "jwk" }).d);
  const raw = Buffer.from(secret, "base64url");
  expect(raw.byteLength).toBe(32);
  keys.rows.set("ca", { ...record, algorithm: "ed25519" });
  const error = await signer.sign("ca", Buffer.from("x")).catch((reason: unknown) => reason);
  expect(error).toMatchObject({ code: "custody.tampered" });
  const shown = [signer, info, record, error, custody]
    .map((value) => JSON.stringify(value) + inspect(value, { depth: 10, showHidden: true }))
    .join("");
  for (const form of ["hex", "base64", "base64url"] as const) expect(shown).not.toContain(raw.toString(form));
  expect(Buffer.from(record.sealedPrivateKey).includes(raw)).toBe(false);
});
