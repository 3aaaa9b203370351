import { type ChildProcess, execFile } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterEach, expect, it } from "vitest";
import { toAddress } from "../src/evm/account.ts";
import { toEvmDocuments, viemVersion } from "../src/evm/quickstart/documents.ts";
import { anvilSpec } from "./anvil-spec.ts";
import { exitOf, rpc, startLife, until } from "./real-anvil.ts";

const run = promisify(execFile);
/** Where the script's imports are looked for. */
const root = fileURLToPath(new URL("../../../", import.meta.url));
const running: ChildProcess[] = [];
const directories: string[] = [];
afterEach(async () => {
  for (const child of running.splice(0)) {
    child.kill("SIGKILL");
    await exitOf(child);
  }
  for (const directory of directories.splice(0)) rmSync(directory, { recursive: true, force: true });
});

const privateKey = `0x${"42".repeat(32)}`;
const owner = toAddress(new Uint8Array(32).fill(0x42));

/** What the script of a chain prints, run as a developer would, but for the place of viem. */
const quickstart = async (settings: object, isGasFree: boolean, env: { [name: string]: string }): Promise<string> => {
  const directory = mkdtempSync(join(tmpdir(), "quickstart-"));
  directories.push(directory);
  const life = await startLife(directory, anvilSpec(settings), running);
  life.startAnvil();
  await until(async () => (await rpc(life.url, "eth_chainId")) !== undefined, "an answer");
  const documents = toEvmDocuments({ name: "ledger", chainId: life.chainId, isGasFree, http: { local: life.url } });
  const content = (name: string): string => documents.find((document) => document.name === name)?.content ?? "";
  const token = join(directory, "token.json");
  writeFileSync(token, content("token.json"));
  const args = ["--input-type=module", "--eval", content("quickstart.mjs")];
  const { stdout } = await run(process.execPath, args, {
    cwd: root,
    env: { TOKEN_FILE: token, PORTOLAN_KEY: "key", ...env },
    timeout: 60_000,
  });
  return stdout;
};

it("deploys the token and transfers it where gas is free, by an account without Ether", async () => {
  expect(await quickstart({ baseFeeWei: 0 }, true, {})).toMatch(/^token 0x[0-9a-fA-F]{40}\nbalances 999750 250\n$/);
}, 90_000);

it("does so where gas has a price, by an account that has Ether", async () => {
  const settings = { fund: [{ address: owner, balanceEther: "1" }] };
  expect(await quickstart(settings, false, { PRIVATE_KEY: privateKey })).toContain("balances 999750 250");
}, 90_000);

it("names the client that the tests run it with", () => {
  const manifest = JSON.parse(readFileSync(join(root, "test", "package.json"), "utf8"));
  expect({ ...manifest.dependencies, ...manifest.devDependencies }["viem"]).toBe(viemVersion);
});
