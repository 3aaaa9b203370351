import { describe, expect, it } from "vitest";
import { emailSchema, normalizeEmail } from "./email.ts";
import { checkPassword, normalizePassword } from "./password.ts";

const email = "Ada.Lovelace@example.org";

describe("checkPassword", () => {
  it.each([
    ["short-one", "too_short"],
    ["ten-chars!", null],
    ["x1".repeat(100), null],
    [`${"x1".repeat(100)}y`, "too_long"],
    ["x".repeat(100_000), "too_long"],
    ["🔑🗝️🔒🔓🚪🧭⚓⛵🌊", null],
    ["🔑🔒🔓🚪🧭⚓⛵🌊", "too_short"],
    ["Password123", "common"],
    ["QWERTYUIOP", "common"],
    ["zzzzzzzzzzzz", "common"],
    ["ada.lovelace@EXAMPLE.org", "is_email"],
    ["ADA.lovelace", "is_email"],
    ["half a pair \ud83d", "malformed"],
    ["a sailor's chart of harbours", null],
  ])("%j: %s", (password, problem) => {
    expect(checkPassword(password, email)).toBe(problem);
  });

  it("takes the same characters composed or not as the same password", () => {
    expect(normalizePassword("cafe\u0301-harbour")).toBe(normalizePassword("caf\u00e9-harbour"));
  });
});

describe("an e-mail address", () => {
  it("is one account in whatever case it is written", () => {
    expect(normalizeEmail("  Ada@Example.ORG ")).toBe("ada@example.org");
    expect(emailSchema.parse("  Ada@Example.ORG ")).toBe("ada@example.org");
  });

  it.each([
    "",
    "ada",
    "ada@",
    "@example.org",
    "a b@example.org",
    `${"a".repeat(250)}@example.org`,
    "ada@example.org\nBcc: x@y.zz",
  ])("is not %j", (text) => {
    expect(emailSchema.safeParse(text).success).toBe(false);
  });
});
