import { chmod, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { createCustody } from "./custody.ts";
import { openKeyFile } from "./file-keks.ts";
import { createEnvironmentKeks } from "./static-keks.ts";

const context = { tenantId: "t", chainId: "c", purpose: "p", version: 1 };
let directory = "";
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "portolan-kek-"));
});
afterEach(() => rm(directory, { recursive: true }));

test("a key file is made once, private, and read again", async () => {
  const path = join(directory, "deep", "kek");
  const opened = await Promise.all(Array.from({ length: 8 }, () => openKeyFile(path)));
  const ids = await Promise.all(opened.map(async (keks) => (await keks.current()).id));
  expect(new Set(ids).size).toBe(1);
  expect((await stat(path)).mode & 0o777).toBe(0o600);
  expect(await readdir(join(directory, "deep"))).toEqual(["kek"]);
  const blob = await createCustody({ kek: await openKeyFile(path) }).seal(Buffer.from("x"), context);
  expect((await createCustody({ kek: await openKeyFile(path) }).open(blob, context)).toString()).toBe("x");
});

test.each([0o640, 0o604, 0o620, 0o666])("a file that others may use (%o) is refused with what to do", async (mode) => {
  const path = join(directory, "kek");
  await openKeyFile(path);
  await chmod(path, mode);
  await expect(openKeyFile(path)).rejects.toMatchObject({
    code: "custody.unavailable",
    message: expect.stringContaining("other users"),
    hint: expect.stringContaining("chmod 600"),
  });
});

test("a link, a short key and an empty file are refused; the key's text is not repeated", async () => {
  const path = join(directory, "kek");
  await openKeyFile(path);
  const link = join(directory, "link");
  await symlink(path, link);
  await expect(openKeyFile(link)).rejects.toMatchObject({ code: "custody.unavailable" });
  await writeFile(path, "Q0FOQVJZ\n");
  const error = await openKeyFile(path).catch((reason: unknown) => reason);
  expect(error).toMatchObject({ code: "custody.unavailable", hint: expect.stringContaining("openssl rand") });
  expect(`${JSON.stringify(error)}${String(error)}`).not.toContain("Q0FOQVJZ");
  await writeFile(path, "\n");
  await expect(openKeyFile(path)).rejects.toMatchObject({ message: expect.stringContaining("empty") });
  expect(await readFile(path, "utf8")).toBe("\n");
});

test("rotation by a line at the top of the file", async () => {
  const path = join(directory, "kek");
  const blob = await createCustody({ kek: await openKeyFile(path) }).seal(Buffer.from("x"), context);
  await writeFile(path, `next:${Buffer.alloc(32, 7).toString("base64")}\n${await readFile(path, "utf8")}`);
  const rotating = await openKeyFile(path);
  expect((await rotating.current()).id).toBe("next");
  expect((await createCustody({ kek: rotating }).open(blob, context)).toString()).toBe("x");
});

test("keys from the environment, current and former", async () => {
  const one = Buffer.alloc(32, 1).toString("base64");
  const two = Buffer.alloc(32, 2).toString("base64");
  const blob = await createCustody({ kek: createEnvironmentKeks({ current: one }) }).seal(Buffer.from("x"), context);
  const rotated = createEnvironmentKeks({ current: two, former: ` ${one}, ` });
  expect((await createCustody({ kek: rotated }).open(blob, context)).toString()).toBe("x");
  expect(() => createEnvironmentKeks({ current: "short" })).toThrow(/32 bytes/);
  expect(() => createEnvironmentKeks({ current: one, former: one })).toThrow(/same id/);
});

test("a lost key is not replaced where something is sealed with it", async () => {
  const path = join(directory, "kek");
  await expect(openKeyFile(path, { mayMake: async () => false })).rejects.toMatchObject({
    code: "custody.unavailable",
    message: expect.stringContaining(`${path} is gone`),
    hint: expect.stringContaining("backup"),
  });
  expect(await readdir(directory)).not.toContain("kek");
  await openKeyFile(path, { mayMake: async () => true });
  await openKeyFile(path, { mayMake: async () => Promise.reject(new Error("asked for nothing")) });
});
