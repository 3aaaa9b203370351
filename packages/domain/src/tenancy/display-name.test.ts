import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { z } from "zod";
import { displayNameSchema } from "./display-name.ts";

describe("displayNameSchema", () => {
  it.each([
    ["shop", "shop"],
    ["  shop  ", "shop"],
    ["cafe\u0301", "caf\u00e9"],
    ["区块链服务网络", "区块链服务网络"],
    ["متجر", "متجر"],
    ["می‌خواهم", "می‌خواهم"],
    ["👩‍🚀 ops", "👩‍🚀 ops"],
    ["❤️", "❤️"],
    ["🧭".repeat(100), "🧭".repeat(100)],
    ["Robert'); DROP TABLE apps;--", "Robert'); DROP TABLE apps;--"],
    ["__proto__", "__proto__"],
  ])("accepts %j", (name, expected) => {
    expect(displayNameSchema.parse(name)).toBe(expected);
  });

  it.each([
    ["nothing", ""],
    ["blanks", " \u00a0\u3000 "],
    ["101 code points", "🧭".repeat(101)],
    ["NUL", "a\u0000b"],
    ["a line break", "a\nb"],
    ["a line separator", "a\u2028b"],
    ["a right-to-left override", "a\u202eb"],
    ["an isolate", "a\u2066b"],
    ["a zero-width space", "a\u200bb"],
    ["a soft hyphen", "a\u00adb"],
    ["an inner byte order mark", "a\ufeffb"],
    ["tag characters", "a\u{e0041}"],
    ["joiners alone", "\u200d\u200c"],
    ["Hangul fillers alone", "\u3164\u3164"],
    ["a lone high surrogate", "a\ud83d"],
    ["a lone low surrogate", "\udc00a"],
    ["a megabyte", "a".repeat(1_000_000)],
    ["a number", 7],
  ])("refuses %s", (_what, name) => {
    expect(displayNameSchema.safeParse(name).success).toBe(false);
  });

  it("gives names that stay what they are: storable, bounded, and accepted again unchanged", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary", maxLength: 120 }), (text) => {
        const parsed = displayNameSchema.safeParse(text);
        if (!parsed.success) return;
        expect(parsed.data).toBe(parsed.data.trim().normalize("NFC"));
        expect([...parsed.data].length).toBeLessThanOrEqual(100);
        expect(new TextDecoder().decode(new TextEncoder().encode(parsed.data))).toBe(parsed.data);
        expect(displayNameSchema.parse(parsed.data)).toBe(parsed.data);
      }),
      { numRuns: 500 },
    );
  });

  it("can be published as JSON Schema", () => {
    expect(z.toJSONSchema(displayNameSchema, { io: "input" })).toMatchObject({ type: "string", maxLength: 1000 });
  });
});
