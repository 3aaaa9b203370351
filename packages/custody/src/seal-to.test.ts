import { generateKeyPairSync } from "node:crypto";
import { inspect } from "node:util";
import fc from "fast-check";
import { expect, test } from "vitest";
import { createWorkerKeys, sealTo } from "./seal-to.ts";

const context = { tenantId: "ten_1", chainId: "chn_1", purpose: "work-order", version: 3 };
const worker = createWorkerKeys();

test("only the worker opens what was sealed to it, in its context", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 1_000 }), (plain) => {
      const blob = sealTo(worker.publicKey, plain, context);
      expect(worker.open(blob, context).equals(plain)).toBe(true);
    }),
  );
  const blob = sealTo(worker.publicKey, Buffer.from("x"), context);
  expect(() => createWorkerKeys().open(blob, context)).toThrow(expect.objectContaining({ code: "custody.tampered" }));
  expect(() => worker.open(blob, { ...context, version: 4 })).toThrow(
    expect.objectContaining({ code: "custody.tampered" }),
  );
});

test("one flipped bit anywhere and any cut is refused", () => {
  const blob = sealTo(worker.publicKey, Buffer.from("attack at dawn"), context);
  for (let bit = 0; bit < blob.byteLength * 8; bit += 1) {
    const changed = Buffer.from(blob);
    changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ (1 << (bit & 7));
    expect(() => worker.open(changed, context)).toThrow(expect.objectContaining({ code: "custody.tampered" }));
  }
  for (let length = 0; length < blob.byteLength; length += 1)
    expect(() => worker.open(blob.subarray(0, length), context)).toThrow(
      expect.objectContaining({ code: "custody.tampered" }),
    );
});

test("each message has its own key", () => {
  const [one, two] = [1, 2].map(() => Buffer.from(sealTo(worker.publicKey, Buffer.from("same"), context)));
  expect(one?.subarray(1, 33).equals(two?.subarray(1, 33) ?? Buffer.alloc(0))).toBe(false);
});

test("bad public keys are refused: not base64url, wrong length, a point of small order", () => {
  for (const bad of ["", "xx", `${worker.publicKey}=`, Buffer.alloc(32).toString("base64url")])
    expect(() => sealTo(bad, Buffer.from("x"), context)).toThrow(
      expect.objectContaining({ code: "custody.unavailable" }),
    );
});

test("a worker takes its key up again; printing the keys shows nothing", () => {
  const der = worker.exportPrivateKey();
  const again = createWorkerKeys(der);
  expect(again.publicKey).toBe(worker.publicKey);
  expect(again.open(sealTo(worker.publicKey, Buffer.from("x"), context), context).toString()).toBe("x");
  const raw = der.subarray(-32);
  const shown = JSON.stringify(worker) + inspect(worker, { depth: 10, showHidden: true });
  for (const form of ["hex", "base64", "base64url"] as const) expect(shown).not.toContain(raw.toString(form));
  const ed = generateKeyPairSync("ed25519").privateKey.export({ format: "der", type: "pkcs8" });
  expect(() => createWorkerKeys(ed)).toThrow(/X25519/);
});
