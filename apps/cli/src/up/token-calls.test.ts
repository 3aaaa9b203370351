import { expect, test } from "vitest";
import { tokenCreation } from "./token-calls.ts";

test("constructor arguments are encoded as the contract ABI says", () => {
  const words = tokenCreation("0xabcd", "AB", "C", 5n).slice("0xabcd".length).match(/.{64}/g);
  expect(words).toEqual([
    "60".padStart(64, "0"),
    "a0".padStart(64, "0"),
    "5".padStart(64, "0"),
    "2".padStart(64, "0"),
    "4142".padEnd(64, "0"),
    "1".padStart(64, "0"),
    "43".padEnd(64, "0"),
  ]);
});

test("an empty text takes its length only", () => {
  expect(tokenCreation("0x", "", "", 0n).slice(2)).toHaveLength(5 * 64);
});
