import { describe, expect, test } from "vitest";
import { importsOf, judgeImports, type Workspace } from "./import-rules.ts";

const workspace = (dir: string, ...dependencies: string[]): Workspace => ({
  dir,
  name: `@portolan/${dir.split("/").at(-1)}`,
  subpaths: new Set(["offered"]),
  dependencies: new Set(dependencies),
  devDependencies: new Set(),
});

const workspaces = [
  workspace("packages/domain", "zod"),
  workspace("packages/frameworks", "@portolan/domain"),
  workspace("packages/contract", "@portolan/domain", "zod"),
  workspace("packages/kit", "@portolan/domain", "@portolan/contract"),
  workspace("packages/store", "@portolan/domain", "@portolan/jobs", "pg"),
  workspace("packages/jobs", "bullmq", "@portolan/domain"),
  workspace("packages/testing", "@portolan/store"),
  workspace("apps/api", "@portolan/store", "@portolan/testing", "@portolan/worker", "pg"),
  workspace("apps/worker"),
  workspace("bench"),
];

const judge = (path: string, text: string): string[] => judgeImports(workspaces, [{ path, text }], new Set(["vitest"]));

describe("what is allowed", () => {
  test.each([
    ["downward", "packages/store/src/a.ts", 'import { a } from "@portolan/domain";'],
    ["declared", "packages/store/src/a.ts", 'import pg from "pg";'],
    ["pure built-ins in the domain", "packages/domain/src/a.ts", 'import { createHash } from "node:crypto";'],
    ["testing from a test", "packages/store/test/a.test.ts", 'import { a } from "@portolan/testing";'],
    ["vitest from a test", "packages/domain/src/a.test.ts", 'import { test } from "vitest";'],
    ["an exported part", "packages/store/src/a.ts", 'import { a } from "@portolan/domain/offered";'],
    ["an app from a bench", "bench/src/a.ts", 'import { a } from "@portolan/worker";'],
    ["vitest from a suite for adapters", "packages/store/src/conformance/a.ts", 'import { test } from "vitest";'],
    ["a sibling", "packages/domain/src/a.ts", 'import { b } from "./b.ts";'],
    ["a name in its own folder", "packages/frameworks/src/anvil/a.ts", 'if (name === "anvil") go();'],
    ["an import in a comment", "packages/domain/src/a.ts", '// import { a } from "@portolan/store";'],
  ])("%s", (_what, path, text) => {
    expect(judge(path, text)).toEqual([]);
  });
});

describe("what is refused", () => {
  test.each([
    ["upward", "packages/domain/src/a.ts", 'import { a } from "@portolan/store";', "downward only"],
    ["sideways at level 3", "packages/kit/src/a.ts", 'import { a } from "@portolan/contract";', "downward only"],
    ["sideways at level 4", "packages/store/src/a.ts", 'import type { A } from "@portolan/jobs";', "downward only"],
    ["an app", "apps/api/src/a.ts", 'import { a } from "@portolan/worker";', "nobody imports an app"],
    ["testing outside tests", "apps/api/src/a.ts", 'import { a } from "@portolan/testing";', "only tests may"],
    [
      "the inside of a package",
      "apps/api/src/a.ts",
      'import { a } from "@portolan/store/src/a.ts";',
      "does not export",
    ],
    ["another package by path", "apps/api/src/a.ts", 'import { a } from "../../../packages/store/src/a.ts";', "by its"],
    ["pg outside its homes", "apps/api/src/a.ts", 'import pg from "pg";', "which only packages/store/"],
    ["undeclared", "packages/domain/src/a.ts", 'import x from "left-pad";', "does not declare"],
    ["vitest outside tests", "packages/domain/src/a.ts", 'import { vi } from "vitest";', "does not declare"],
    ["I/O in the domain", "packages/domain/src/a.ts", 'import { readFile } from "node:fs/promises";', "is pure"],
    ["I/O in a blueprint", "packages/frameworks/src/x/blueprint.ts", 'import fs from "node:fs";', "is pure"],
    ["the clock in the domain", "packages/domain/src/a.ts", "const now = Date.now();", "take the clock"],
    ["a framework's name", "apps/api/src/a.ts", 'if (chain.framework === "anvil") go();', "branches on the name"],
    [
      "a runtime's name",
      "apps/worker/src/a.ts",
      'items.filter((item) => item.kind === "process")',
      "branches on the name",
    ],
    ["the environment", "apps/api/src/a.ts", "const url = process.env.DATABASE_URL;", "only @portolan/kit may"],
    ["several lines", "packages/domain/src/a.ts", 'import {\n  a,\n  b,\n} from "@portolan/store";', "downward only"],
    ["re-exports", "packages/domain/src/a.ts", 'export * from "@portolan/store";', "downward only"],
    ["dynamic", "packages/domain/src/a.ts", 'await import("@portolan/store");', "downward only"],
  ])("%s", (_what, path, text, complaint) => {
    expect(judge(path, text).join("\n")).toContain(complaint);
  });

  test("a cycle, once", () => {
    const files = [
      { path: "packages/domain/src/b.ts", text: 'import { a } from "./a.ts";' },
      { path: "packages/domain/src/a.ts", text: 'export { b } from "./c.ts";' },
      { path: "packages/domain/src/c.ts", text: 'import "./b.ts";' },
    ];
    const cycle = "packages/domain/src/a.ts → packages/domain/src/c.ts → packages/domain/src/b.ts";
    expect(judgeImports(workspaces, files, new Set())).toEqual([
      `packages/domain/src/a.ts: is in an import cycle: ${cycle} → packages/domain/src/a.ts`,
    ]);
  });

  test("a cycle that types close, once, and not what only leads to it", () => {
    const files = [
      { path: "packages/domain/src/a.ts", text: 'import { b } from "./b.ts";' },
      { path: "packages/domain/src/b.ts", text: 'import { c } from "./c.ts";' },
      { path: "packages/domain/src/c.ts", text: 'import type { B } from "./b.ts";' },
    ];
    const cycle = "packages/domain/src/b.ts → packages/domain/src/c.ts → packages/domain/src/b.ts";
    expect(judgeImports(workspaces, files, new Set())).toEqual([
      `packages/domain/src/b.ts: is in an import cycle: ${cycle}`,
    ]);
  });

  test("a file that imports itself", () => {
    const files = [{ path: "packages/domain/src/a.ts", text: 'import { a } from "./a.ts";' }];
    expect(judgeImports(workspaces, files, new Set())).toHaveLength(1);
  });

  test("a cycle of types alone is none", () => {
    const files = [
      { path: "packages/domain/src/a.ts", text: 'import type { B } from "./b.ts";' },
      { path: "packages/domain/src/b.ts", text: 'import type { A } from "./a.ts";' },
    ];
    expect(judgeImports(workspaces, files, new Set())).toEqual([]);
  });
});

test("reads every form of import", () => {
  const text = 'import a from "a";\nimport type { B } from "b";\nimport "c";\nexport * from "d";\nvoid import("e");\n';
  expect(importsOf(text)).toEqual([
    { specifier: "a", isTypeOnly: false },
    { specifier: "b", isTypeOnly: true },
    { specifier: "d", isTypeOnly: false },
    { specifier: "c", isTypeOnly: false },
    { specifier: "e", isTypeOnly: false },
  ]);
});
