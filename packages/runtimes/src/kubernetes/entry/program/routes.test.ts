import { mkdir, mkdtemp, rename, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { createRouteFiles } from "./routes.ts";

let directory = "";
const lines: string[] = [];
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "portolan-routes-"));
  lines.length = 0;
});
afterEach(() => rm(directory, { recursive: true, force: true }));

let version = 0;
/** As the kubelet does it: a directory of another name, and one link that is turned to it. */
const lay = async (files: { [name: string]: string }): Promise<void> => {
  version += 1;
  const name = `..${version}`;
  await mkdir(join(directory, name));
  for (const [file, text] of Object.entries(files)) await writeFile(join(directory, name, file), text);
  await symlink(name, join(directory, "..next"));
  await rename(join(directory, "..next"), join(directory, "..data"));
  for (const file of Object.keys(files))
    await symlink(join("..data", file), join(directory, file)).catch(() => undefined);
};
const open = () => createRouteFiles(directory, (line) => lines.push(line));
const route = (serverName: string, port = 8_000) => ({ serverName, host: "10.0.0.1", port });

it("routes of all files, anew only once they are others", async () => {
  const files = open();
  await lay({
    "p-1.json": JSON.stringify([route("a.example.org")]),
    "p-2.json": JSON.stringify([route("b.example.org")]),
  });
  expect([...(files.changed()?.keys() ?? [])].sort()).toEqual(["a.example.org", "b.example.org"]);
  expect(files.changed()).toBeUndefined();
  await lay({ "p-1.json": "[]", "p-2.json": JSON.stringify([route("b.example.org", 8_001)]) });
  expect(files.changed()).toEqual(new Map([["b.example.org", route("b.example.org", 8_001)]]));
});

it("what can't be read leaves the routes that there are, says so, and is looked at again", async () => {
  const files = open();
  await lay({ "p-1.json": "[{" });
  expect(files.changed()).toBeUndefined();
  expect(lines).toEqual([expect.stringContaining("could not be read")]);
  await lay({ "p-1.json": JSON.stringify([route("a.example.org"), { serverName: "b.example.org", host: 1 }]) });
  expect([...(files.changed()?.keys() ?? [])]).toEqual(["a.example.org"]);
});

it("a number is a route as a name is", async () => {
  const files = open();
  const numbered = (number: unknown) => ({ number, host: "10.0.0.1", port: 8_000 });
  await lay({ "p-1.json": JSON.stringify([numbered(30_300), numbered("30301"), numbered(70_000)]) });
  expect(files.changed()).toEqual(new Map([[":30300", numbered(30_300)]]));
});

it("without any there are none", () => {
  expect(open().changed()).toEqual(new Map());
});
