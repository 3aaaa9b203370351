import { execFileSync } from "node:child_process";
import { mkdirSync, readdirSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { temporaryDirectory } from "@portolan/testing";
import { expect, test } from "vitest";
import { copyScript } from "./copy-script.ts";

/** A package `mine` that needs `a` and `b`; `b` needs another `a` than the one at the top. */
const setUp = () => {
  const root = temporaryDirectory("scripts");
  const write = (path: string, content: string | object, mode = 0o600): void => {
    mkdirSync(dirname(join(root, path)), { recursive: true, mode: 0o700 });
    writeFileSync(join(root, path), typeof content === "string" ? content : JSON.stringify(content), { mode });
  };
  const library = (at: string, name: string, rest: object, code: string): void => {
    write(`${at}/${name}/package.json`, { name, main: "index.js", ...rest });
    write(`${at}/${name}/index.js`, code);
  };
  write("from/mine/package.json", { name: "mine", type: "module", dependencies: { a: "1", b: "1", "@s/gone": "1" } });
  write(
    "from/mine/src/main.ts",
    'import a from "a"; import b from "b"; const words: string[] = [a, b]; console.log(words.join(" "));',
  );
  write("from/mine/test/large.bin", "x");
  library("from/node_modules", "a", {}, 'module.exports = "a1";');
  library("from/node_modules", "b", { dependencies: { a: "2" } }, 'module.exports = "b of " + require("a");');
  library("from/node_modules/b/node_modules", "a", {}, 'module.exports = "a2";');
  library("from/node_modules", "stranger", {}, "");
  symlinkSync("/etc/passwd", join(root, "from", "mine", "link"));
  return { root, write, script: join(root, "from", "mine", "src", "main.ts"), programs: join(root, "programs") };
};

test("a copied script finds the modules that it found, each package its own version", () => {
  const { script, programs } = setUp();
  const copy = copyScript(script, programs);
  expect(copy.startsWith(programs)).toBe(true);
  expect(execFileSync(process.execPath, [copy], { encoding: "utf8" })).toBe("a1 b of a2\n");
  expect(statSync(copy).mode & 0o777).toBe(0o644);
  expect(statSync(dirname(copy)).mode & 0o777).toBe(0o755);
  const files = readdirSync(programs, { recursive: true }).map(String);
  expect(files.filter((file) => /stranger|large|link/.test(file))).toEqual([]);
});

test("it is copied once, and anew when it changes", () => {
  const { script, programs, write } = setUp();
  const copy = copyScript(script, programs);
  expect(copyScript(script, programs)).toBe(copy);
  write("from/mine/src/main.ts", 'console.log("new");');
  const next = copyScript(script, programs);
  expect(next).not.toBe(copy);
  expect(execFileSync(process.execPath, [next], { encoding: "utf8" })).toBe("new\n");
});
