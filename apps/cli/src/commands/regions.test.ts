import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { Readable } from "node:stream";
import { temporaryDirectory } from "@portolan/testing";
import { expect, test } from "vitest";
import { readCliConfig } from "../config.ts";
import { createProfileStore } from "../profile.ts";
import { run } from "../run.ts";

const setUp = (answer?: object) => {
  const directory = temporaryDirectory("regions");
  const file = join(directory, "regions.json");
  const written = { out: "", err: "" };
  const sent: string[] = [];
  const write = (to: keyof typeof written) => ({
    write: (text: unknown): boolean => {
      written[to] += String(text);
      return true;
    },
  });
  const env = {
    PORTOLAN_CONFIG: join(directory, "profile.json"),
    PORTOLAN_REGIONS_FILE: file,
    PORTOLAN_TOKEN: "ptl_token",
  };
  const go = (...args: string[]) =>
    run(args, {
      screen: { out: write("out"), err: write("err") },
      stdin: Readable.from([""]) as unknown as NodeJS.ReadStream,
      loadConfig: () => readCliConfig(env),
      openProfile: createProfileStore,
      root: directory,
      fetch: async (url) => {
        sent.push(url);
        return new Response(JSON.stringify(answer), { status: 200 });
      },
    });
  return { go, file, sent, screen: () => written };
};

test("add writes the file and asks nobody; remove takes it out; a slug twice needs --replace", async () => {
  const { go, file, screen, sent } = setUp();
  const flags = ["--processes", "--country", "fr", "--name", "Paris"];
  expect(await go("regions", "add", "eu-paris", ...flags, "--json")).toBe(0);
  expect(JSON.parse(screen().out)).toMatchObject({ slug: "eu-paris", country: "FR", runtime: { kind: "process" } });
  expect(await go("regions", "add", "eu-paris", "--processes")).toBe(2);
  expect(await go("regions", "add", "eu-paris", "--processes", "--replace")).toBe(0);
  expect(JSON.parse(await readFile(file, "utf8"))).toHaveLength(1);
  expect(await go("regions", "check", "eu-paris")).toBe(0);
  expect(await go("regions", "remove", "eu-lyon")).toBe(5);
  expect(await go("regions", "remove", "eu-paris")).toBe(0);
  expect(JSON.parse(await readFile(file, "utf8"))).toEqual([]);
  expect(sent).toEqual([]);
});

test("what it runs on must be said", async () => {
  const { go, screen } = setUp();
  expect(await go("regions", "add", "eu-paris")).toBe(2);
  expect(screen().err).toContain("--processes");
});

test("an entry without a domain is refused, and nothing is written", async () => {
  const { go, file, screen } = setUp();
  expect(await go("regions", "add", "eu-paris", "--in-cluster", "--entry-ports", "30300-30399")).toBe(2);
  expect(screen().err).toContain("entry.domain");
  await expect(readFile(file, "utf8")).rejects.toThrow(/ENOENT/);
});

test("without a word it lists what the API offers", async () => {
  const { go, screen, sent } = setUp({ items: [], nextPageToken: null });
  expect(await go("regions", "--json")).toBe(0);
  expect(screen().out.trim()).toBe("[]");
  expect(sent).toHaveLength(1);
});
