import { expect, test } from "vitest";
import { isDirectoryOf, isFileName } from "./blueprint.ts";

test("a file's name is a relative path of plain names", () => {
  const good = ["a", "core.yaml", "msp/cacerts/ca.pem", "a/b/c/d/e/f/g/h"];
  const bad = [
    "",
    "/a",
    "../a",
    "a/../b",
    "a/",
    "a//b",
    ".a",
    "a/.b",
    "a\\b",
    "a b",
    "a/b/c/d/e/f/g/h/i",
    "x".repeat(101),
  ];
  expect(good.filter((name) => !isFileName(name))).toEqual([]);
  expect(bad.filter((name) => isFileName(name))).toEqual([]);
});

test("a directory is one that files lie in", () => {
  const files = [{ name: "msp/cacerts/ca.pem" }, { name: "mspx" }];
  expect(["", "msp", "msp/cacerts"].every((name) => isDirectoryOf(files, name))).toBe(true);
  expect(["ms", "mspx", "msp/ca", "/"].some((name) => isDirectoryOf(files, name))).toBe(false);
});
