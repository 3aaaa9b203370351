import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { Readable } from "node:stream";
import { temporaryDirectory } from "@portolan/testing";
import { expect, test } from "vitest";
import { readCliConfig } from "../config.ts";
import { createProfileStore } from "../profile.ts";
import { run } from "../run.ts";

const app = `app_${"0".repeat(26)}`;
const credential = { appId: app, host: "ghcr.io", username: "bob", setAt: "2026-11-23T00:00:00.000Z" };

const setUp = (answers: [number, unknown][], stdin = "") => {
  const directory = temporaryDirectory("registries");
  const written: string[] = [];
  const sent: { method: string; path: string; body: unknown }[] = [];
  const screen = { write: (text: unknown): boolean => written.push(String(text)) > 0 };
  const go = (...args: string[]) =>
    run(["registries", ...args], {
      screen: { out: screen, err: screen },
      stdin: Readable.from([stdin]) as unknown as NodeJS.ReadStream,
      loadConfig: () => readCliConfig({ PORTOLAN_CONFIG: join(directory, "profile.json"), PORTOLAN_TOKEN: "pts_x" }),
      openProfile: createProfileStore,
      root: "/clone",
      fetch: async (url, init) => {
        const body: unknown = typeof init.body === "string" ? JSON.parse(init.body) : undefined;
        sent.push({ method: init.method ?? "", path: new URL(url).pathname, body });
        const [status, answer] = answers.shift() ?? [500, {}];
        return new Response(status === 204 ? null : JSON.stringify(answer), { status });
      },
    });
  return { go, sent, said: () => written.join(""), directory };
};

test("set sends what is piped in, and shows who, not the password", async () => {
  const { go, sent, said } = setUp([[200, credential]], "hunter2-hunter2\n");
  expect(await go("set", app, "ghcr.io", "--username", "bob", "--password-stdin")).toBe(0);
  const body = { username: "bob", password: "hunter2-hunter2" };
  expect(sent).toEqual([{ method: "PUT", path: `/v1/apps/${app}/registries/ghcr.io`, body }]);
  expect(said()).toContain("bob");
  expect(said()).not.toContain("hunter2");
});

test("set sends a key's file whole, to a registry with a port", async () => {
  const { go, sent, directory } = setUp([[200, credential]]);
  const file = join(directory, "key.json");
  writeFileSync(file, '{\n  "type": "service_account"\n}\n');
  expect(await go("set", app, "registry.example:5000", "--username", "_json_key", "--password-file", file)).toBe(0);
  expect(sent[0]?.path).toBe(`/v1/apps/${app}/registries/registry.example%3A5000`);
  expect(sent[0]?.body).toEqual({ username: "_json_key", password: '{\n  "type": "service_account"\n}' });
});

test.each([
  ["no place for the password", [], ""],
  ["two places", ["--password-stdin", "--password-file", "x"], "secret"],
  ["a file that is not there", ["--password-file", "/nowhere/at/all"], ""],
  ["an empty pipe", ["--password-stdin"], "\n"],
  ["the password as an argument", ["--password", "secret"], ""],
  ["a pipe without end", ["--password-stdin"], "x".repeat(20_000)],
])("set sends nothing with %s", async (_name, flags, stdin) => {
  const { go, sent } = setUp([], stdin);
  expect(await go("set", app, "ghcr.io", "--username", "bob", ...flags)).toBe(2);
  expect(sent).toEqual([]);
});

test("list and remove", async () => {
  const { go, sent, said } = setUp([
    [200, { items: [credential], nextPageToken: null }],
    [204, undefined],
  ]);
  expect(await go("list", app)).toBe(0);
  expect(said()).toContain("ghcr.io");
  expect(await go("remove", app, "ghcr.io")).toBe(0);
  expect(sent.map(({ method, path }) => `${method} ${path}`)).toEqual([
    `GET /v1/apps/${app}/registries`,
    `DELETE /v1/apps/${app}/registries/ghcr.io`,
  ]);
});
