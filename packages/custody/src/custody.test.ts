import { DomainError } from "@portolan/domain";
import fc from "fast-check";
import { expect, test } from "vitest";
import type { SealContext } from "./aad.ts";
import { createCustody } from "./custody.ts";
import { createStaticKeks } from "./static-keks.ts";

const kekA = { id: "a", key: Buffer.alloc(32, 1) };
const kekB = { id: "b", key: Buffer.alloc(32, 2) };
const custody = createCustody({ kek: createStaticKeks([kekA]) });
const context: SealContext = { tenantId: "ten_1", chainId: "chn_1", purpose: "material/mnemonic", version: 1 };

const contexts = fc.record({
  tenantId: fc.string(),
  chainId: fc.string(),
  purpose: fc.string(),
  version: fc.nat(),
});

const codeOf = async (promise: Promise<unknown>): Promise<string> => {
  try {
    await promise;
  } catch (error) {
    return error instanceof DomainError ? error.code : `not ours: ${String(error)}`;
  }
  return "opened";
};

test("what was sealed opens in its context, whatever the bytes and the names", async () => {
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ maxLength: 2_000 }), contexts, async (plain, where) => {
      const blob = await custody.seal(plain, where);
      expect(Buffer.from(await custody.open(blob, { ...where }))).toEqual(Buffer.from(plain));
    }),
    { numRuns: 200 },
  );
});

test("no two contexts are interchangeable", async () => {
  await fc.assert(
    fc.asyncProperty(contexts, contexts, async (one, other) => {
      fc.pre(JSON.stringify(one) !== JSON.stringify(other));
      expect(await codeOf(custody.open(await custody.seal(Buffer.from("x"), one), other))).toBe("custody.tampered");
    }),
    { numRuns: 200 },
  );
  const blob = await custody.seal(Buffer.from("x"), context);
  for (const change of [{ tenantId: "ten_2" }, { chainId: "chn_2" }, { purpose: "material/mnemoni" }, { version: 2 }])
    expect(await codeOf(custody.open(blob, { ...context, ...change }))).toBe("custody.tampered");
});

test("one flipped bit anywhere is refused: all bits of one blob", async () => {
  const blob = await custody.seal(Buffer.from("attack at dawn"), context);
  for (let bit = 0; bit < blob.byteLength * 8; bit += 1) {
    const changed = Buffer.from(blob);
    const at = bit >> 3;
    changed[at] = (changed[at] ?? 0) ^ (1 << (bit & 7));
    // A changed KEK id is a key that is not configured, or is no id at all; everything else is tampering.
    expect(await codeOf(custody.open(changed, context))).toMatch(at === 2 ? /^custody\./ : /^custody\.tampered$/);
  }
});

test("a cut, an extended and a random blob are refused", async () => {
  const blob = await custody.seal(Buffer.from("attack at dawn"), context);
  for (let length = 0; length < blob.byteLength; length += 1)
    expect(await codeOf(custody.open(blob.subarray(0, length), context))).toMatch(/^custody\./);
  expect(await codeOf(custody.open(Buffer.concat([blob, Buffer.from([0])]), context))).toBe("custody.tampered");
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ maxLength: 300 }), async (bytes) => {
      expect(await codeOf(custody.open(bytes, context))).toMatch(/^custody\./);
    }),
  );
});

test("sealing twice gives unrelated blobs, and none contains the plain text", async () => {
  const plain = Buffer.from("CANARY-SECRET-CANARY");
  const [one, two] = [await custody.seal(plain, context), await custody.seal(plain, context)];
  expect(Buffer.from(one).equals(Buffer.from(two))).toBe(false);
  expect(Buffer.from(one).includes("CANARY")).toBe(false);
});

test("errors carry neither content nor key", async () => {
  const blob = await custody.seal(Buffer.from("CANARY"), context);
  const error = await custody.open(blob, { ...context, version: 9 }).catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(DomainError);
  const text = `${JSON.stringify(error)} ${(error as Error).stack} ${String((error as Error).cause)}`;
  expect(text).not.toContain("CANARY");
  expect(text).not.toContain(kekA.key.toString("base64"));
  expect(JSON.stringify(custody)).toBe("{}");
});

test("rotation: the new KEK seals, the old one opens, rewrap moves a blob without changing the secret", async () => {
  const old = await custody.seal(Buffer.from("kept"), context);
  const rotating = createCustody({ kek: createStaticKeks([kekB, kekA]) });
  expect((await rotating.open(old, context)).toString()).toBe("kept");
  const moved = await rotating.rewrap(old, context);
  expect(await rotating.rewrap(moved, context)).toBe(moved);
  const rotated = createCustody({ kek: createStaticKeks([kekB]) });
  expect((await rotated.open(moved, context)).toString()).toBe("kept");
  expect(await codeOf(rotated.open(old, context))).toBe("custody.unavailable");
  expect(await codeOf(rotating.rewrap(old, { ...context, version: 2 }))).toBe("custody.tampered");
});

test("the wrong key under the right id is refused", async () => {
  const blob = await custody.seal(Buffer.from("x"), context);
  const other = createCustody({ kek: createStaticKeks([{ id: "a", key: kekB.key }]) });
  expect(await codeOf(other.open(blob, context))).toBe("custody.tampered");
});
