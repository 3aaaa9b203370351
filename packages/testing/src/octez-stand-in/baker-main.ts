/**
 * A stand-in for `octez-baker`, for tests only: it is called as that is, takes the key out of the client's files, and asks
 * the stand-in for a node (`node-main.ts`) for a block when one is due.
 */
import { createPrivateKey, sign } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { blake2b } from "@noble/hashes/blake2.js";
import { toBytes } from "../scripted-tezos/base58.ts";
import { readWords } from "./words.ts";

const known = {
  valued: ["--base-dir", "--endpoint", "--liquidity-baking-toggle-vote"],
  alone: ["--without-dal", "--version"],
};
const everyMs = 100;
const seedKind = { prefix: [13, 15, 58, 7], size: 32 } as const;
const derHead = Buffer.from("302e020100300506032b657004220420", "hex");

/** An alias' value in one of the client's files. */
const aliasIn = (directory: string, file: string, alias: string): unknown => {
  const list = JSON.parse(readFileSync(join(directory, file), "utf8")) as { name: string; value: unknown }[];
  const found = list.find(({ name }) => name === alias);
  if (found === undefined) throw new Error(`there is no ${alias} in ${file}`);
  return found.value;
};

const readKeys = (directory: string, alias: string) => {
  const secret = String(aliasIn(directory, "secret_keys", alias));
  const { key } = aliasIn(directory, "public_keys", alias) as { key: string };
  if (!String(aliasIn(directory, "public_key_hashs", alias)).startsWith("tz1")) throw new Error("no Ed25519 account");
  const seed = toBytes(seedKind, secret.replace(/^unencrypted:/, ""));
  return { key, secret: createPrivateKey({ key: Buffer.concat([derHead, seed]), format: "der", type: "pkcs8" }) };
};

const run = async (): Promise<void> => {
  const words = readWords(process.argv.slice(2), known);
  const [run, withWord, local, node, directory = "", alias = ""] = words.plain;
  if ([run, withWord, local, node].join(" ") !== "run with local node") throw new Error("not `run with local node`");
  if (!existsSync(directory)) throw new Error("the node's directory is not here");
  const endpoint = words.get("--endpoint");
  const { key, secret } = readKeys(words.get("--base-dir"), alias);
  const ending = new AbortController();
  process.on("SIGTERM", () => ending.abort());
  const ask = async (path: string, body?: object): Promise<{ [name: string]: unknown }> => {
    const sent = body === undefined ? {} : { method: "POST", body: JSON.stringify(body) };
    const answer = await fetch(`${endpoint}${path}`, {
      ...sent,
      signal: AbortSignal.any([ending.signal, AbortSignal.timeout(5_000)]),
    });
    if (!answer.ok) throw new Error(`${path} answers ${answer.status}`);
    return (await answer.json()) as { [name: string]: unknown };
  };
  const turn = async (): Promise<void> => {
    const { hash, level, timestamp } = await ask("/chains/main/blocks/head/header");
    if (level === 0) return;
    const { minimal_block_delay: delay } = await ask("/chains/main/blocks/head/context/constants");
    if (Date.now() < Date.parse(String(timestamp)) + Number(delay) * 1_000) return;
    const digest = blake2b(Buffer.concat([Buffer.of(0x11), Buffer.from(String(hash))]), { dkLen: 32 });
    await ask("/scripted/bake", { key, signature: sign(null, digest, secret).toString("hex") });
  };
  while (!ending.signal.aborted) {
    // A node that starts, or goes: a baker waits for it.
    await turn().catch(() => undefined);
    await sleep(everyMs, undefined, { signal: ending.signal }).catch(() => undefined);
  }
};

run().catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exit(1);
});
