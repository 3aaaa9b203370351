import { readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Readable } from "node:stream";
import { temporaryDirectory } from "@portolan/testing";
import { expect, test } from "vitest";
import { readCliConfig } from "../config.ts";
import { createProfileStore } from "../profile.ts";
import { run } from "../run.ts";

const id = (prefix: string) => `${prefix}_${"0".repeat(26)}`;
const at = "2026-11-23T00:00:00.000Z";
const document = {
  ...{ format: "portolan.chain-export/1", chainId: id("chn"), framework: "anvil", version: "1.7.1", plan: "standard" },
  ...{ regions: ["local"], exportedAt: at },
  backup: {
    ...{ id: id("bkp"), takenAt: at, version: "1.7.1" },
    copies: [{ placementId: id("plc"), region: "local", sizeBytes: 1, files: 1, digest: "ab".repeat(32) }],
  },
  kdf: { name: "scrypt", logN: 17, r: 8, p: 1, salt: "A".repeat(22) },
  sealed: "c2VhbGVk",
};
const operation = {
  ...{ id: id("opr"), kind: "chain.import", target: { type: "chain", id: id("chn") }, state: "queued", done: false },
  ...{ progress: 0, steps: [], createdAt: at },
};
const passphrase = "twelve characters, or more";

const setUp = (answers: [number, unknown][], options: { stdin?: string; env?: Record<string, string> } = {}) => {
  const directory = temporaryDirectory("transfers");
  const written = { out: "", err: "" };
  const add = (to: "out" | "err", text: unknown): true => {
    written[to] += String(text);
    return true;
  };
  const sent: { url: string; body: { [name: string]: unknown } }[] = [];
  const go = (...args: string[]) =>
    run(args, {
      screen: {
        out: { write: (text) => add("out", text) },
        err: { write: (text) => add("err", text) },
      },
      stdin: Readable.from([options.stdin ?? ""]) as unknown as NodeJS.ReadStream,
      loadConfig: () =>
        readCliConfig({ PORTOLAN_CONFIG: join(directory, "profile.json"), PORTOLAN_TOKEN: "pts_x", ...options.env }),
      openProfile: createProfileStore,
      root: "/clone",
      fetch: async (url, init) => {
        sent.push({ url, body: JSON.parse(String(init.body)) });
        const [status, body] = answers.shift() ?? [500, {}];
        return new Response(JSON.stringify(body), { status });
      },
    });
  return { go, sent, written, file: join(directory, "ledger.json") };
};

test("export writes the document to a file of one's own, and says what to bring along", async () => {
  const { go, sent, written, file } = setUp([[200, document]], { stdin: `${passphrase}\n` });
  const args = ["chains", "export", id("chn"), "--backup", id("bkp"), "--out", file];
  expect(await go(...args, "--passphrase-stdin")).toBe(0);
  expect(sent.map(({ body }) => body)).toEqual([{ backup: id("bkp"), passphrase }]);
  expect(statSync(file).mode & 0o777).toBe(0o600);
  expect(JSON.parse(readFileSync(file, "utf8"))).toEqual(document);
  expect(written.out).toContain(id("bkp").replace("_", "-"));
  expect(written.out + written.err + readFileSync(file, "utf8")).not.toContain(passphrase);
  // Nothing is written over, and nothing is asked for in vain.
  expect(await go(...args, "--passphrase-stdin")).toBe(2);
  expect(sent).toHaveLength(1);
});

test("import sends the file with the pass phrase from the environment, and the regions' names here", async () => {
  const { go, sent, file } = setUp([[202, operation]], { env: { PORTOLAN_PASSPHRASE: passphrase } });
  writeFileSync(file, JSON.stringify(document));
  const args = ["chains", "import", file, "--app", id("app"), "--detach"];
  expect(await go(...args, "--region", "local=paris", "--name", "moved")).toBe(0);
  expect(sent[0]?.body).toEqual({
    ...{ export: document, passphrase, app: id("app"), name: "moved", regions: { local: "paris" } },
  });
});

test("what is no export, is not there or has no pass phrase is said before anything is sent", async () => {
  const { go, sent, file, written } = setUp([]);
  const args = ["chains", "import", file, "--app", id("app")];
  expect(await go(...args)).toBe(2);
  writeFileSync(file, JSON.stringify({ ...document, format: "portolan.chain-export/2" }));
  expect(await go(...args)).toBe(1);
  writeFileSync(file, JSON.stringify(document));
  expect(await go(...args, "--region", "local")).toBe(2);
  expect(await go(...args)).toBe(2);
  expect(written.err).toContain("--passphrase-stdin");
  expect(await go(...args, "--passphrase", passphrase)).toBe(2);
  expect(sent).toEqual([]);
});
