import { expect, test } from "vitest";
import { mergeSettings } from "./merge-settings.ts";

test.each([
  // Of RFC 7396, appendix A.
  [{ a: "b" }, { a: "c" }, { a: "c" }],
  [{ a: "b" }, { b: "c" }, { a: "b", b: "c" }],
  [{ a: "b", b: "c" }, { a: null }, { b: "c" }],
  [{ a: ["b"] }, { a: "c" }, { a: "c" }],
  [{ a: "c" }, { a: ["b"] }, { a: ["b"] }],
  [{ a: { b: "c" } }, { a: { b: "d", c: null } }, { a: { b: "d" } }],
  [{ e: null }, { a: 1 }, { e: null, a: 1 }],
  [{}, { a: { bb: { ccc: null } } }, { a: { bb: {} } }],
])("%j changed by %j is %j", (former, change, expected) => {
  expect(mergeSettings(former, change)).toEqual(expected);
});

test("no member can reach a prototype", () => {
  const change = JSON.parse('{"__proto__":{"isAdmin":true}}') as object;
  const merged = mergeSettings({}, { ...(change as { [name: string]: unknown }) });
  expect((merged as { isAdmin?: boolean }).isAdmin).toBeUndefined();
  expect(({} as { isAdmin?: boolean }).isAdmin).toBeUndefined();
});
