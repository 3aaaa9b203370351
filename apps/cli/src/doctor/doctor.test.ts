import { once } from "node:events";
import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { join } from "node:path";
import { temporaryDirectory } from "@portolan/testing";
import { expect, onTestFinished, test } from "vitest";
import type { Home } from "../up/home.ts";
import { checkDataDirectory, checkHome, checkKey, checkNode } from "./machine.ts";
import { checkClock, checkPort, checkReachable } from "./plane.ts";

const setUp = (): Home => {
  const path = temporaryDirectory("doctor");
  return { path, notice: undefined, at: (...parts) => join(path, ...parts) };
};

const serve = async (status: number, headers: Record<string, string> = {}): Promise<{ url: string; port: number }> => {
  const server = createServer((_request, response) => response.writeHead(status, headers).end());
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => void server.close());
  const address = server.address();
  if (typeof address !== "object" || address === null) throw new Error("no address");
  return { url: `http://127.0.0.1:${address.port}`, port: address.port };
};

test("an old Node is wrong, ours is not", () => {
  expect(checkNode("22.1.0")).toMatchObject({ state: "wrong", fix: expect.stringContaining("npm") });
  expect(checkNode("24.0.0").state).toBe("ok");
});

test("a secret that others may read is wrong, with the command that mends it", async () => {
  const home = setUp();
  writeFileSync(home.at("kek"), "x", { mode: 0o600 });
  expect((await checkHome(home)).state).toBe("ok");
  chmodSync(home.at("kek"), 0o644);
  expect(await checkHome(home)).toMatchObject({ state: "wrong", fix: `chmod 600 ${home.at("kek")}` });
});

test("the database: none, cut off, foreign, without its password, whole", async () => {
  const home = setUp();
  expect((await checkDataDirectory(home)).state).toBe("note");
  mkdirSync(home.at("postgres.partial"));
  expect((await checkDataDirectory(home)).message).toContain("cut off");
  mkdirSync(home.at("postgres"));
  expect(await checkDataDirectory(home)).toMatchObject({ state: "wrong", fix: expect.stringContaining("mv ") });
  writeFileSync(home.at("postgres", "PG_VERSION"), "18\n");
  expect((await checkDataDirectory(home)).message).toContain("password is gone");
  writeFileSync(home.at("postgres.password"), "x");
  expect(await checkDataDirectory(home)).toMatchObject({
    state: "ok",
    message: expect.stringContaining("PostgreSQL 18 "),
  });
});

test("a port that somebody holds, and one that nobody does", async () => {
  const { port } = await serve(200);
  if (process.platform === "linux") {
    expect(checkPort("API", port, "PORTOLAN_API_PORT")).toMatchObject({
      state: "wrong",
      fix: expect.stringContaining("PORTOLAN_API_PORT"),
    });
  }
  expect(checkPort("API", 0, "PORTOLAN_API_PORT").state).toBe("ok");
});

test("reached, unwell, gone", async () => {
  expect((await checkReachable("API", (await serve(404)).url, "log")).state).toBe("ok");
  expect((await checkReachable("API", (await serve(503)).url, "log")).state).toBe("wrong");
  expect((await checkReachable("API", "http://127.0.0.1:9", "log")).state).toBe("wrong");
});

test("a clock that is away from the API's is wrong", async () => {
  const { url } = await serve(200, { date: "Mon, 23 Nov 2026 12:00:00 GMT" });
  const noon = Date.UTC(2026, 10, 23, 12);
  expect((await checkClock(url, () => noon + 5_000)).state).toBe("ok");
  expect((await checkClock(url, () => noon - 60_000)).state).toBe("wrong");
});

test("a lost key is wrong where there was one", async () => {
  const home = setUp();
  expect((await checkKey(home)).state).toBe("note");
  writeFileSync(home.at("operator.json"), "{}");
  expect(await checkKey(home)).toMatchObject({ state: "wrong", fix: expect.stringContaining("backup") });
  writeFileSync(home.at("kek"), "x");
  expect((await checkKey(home)).state).toBe("ok");
});

test.runIf(process.getuid?.() === 0)("another user is told so, and not to move a whole database aside", async () => {
  const home = setUp();
  mkdirSync(home.at("postgres"), { mode: 0o700 });
  writeFileSync(home.at("postgres", "PG_VERSION"), "18\n");
  writeFileSync(home.at("postgres.password"), "x");
  writeFileSync(home.at("kek"), "x", { mode: 0o600 });
  const asAnother = async (mode: number) => {
    chmodSync(home.path, mode);
    process.seteuid?.(65_534);
    try {
      return [await checkDataDirectory(home), await checkKey(home)];
    } finally {
      process.seteuid?.(0);
    }
  };
  for (const mode of [0o711, 0o700]) {
    for (const finding of await asAnother(mode)) {
      expect(finding).toMatchObject({ state: "note", message: expect.stringContaining("can't be read as this user") });
    }
  }
});
