import type { ChildProcess } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, expect, it } from "vitest";
import { anvilSpec } from "./anvil-spec.ts";
import { exitOf, findAnvil, rpc, startLife, until } from "./real-anvil.ts";

const running: ChildProcess[] = [];
const directory = mkdtempSync(join(tmpdir(), "portolan-anvil-logs-"));
afterEach(async () => {
  for (const child of running.splice(0)) {
    child.kill("SIGKILL");
    await exitOf(child);
  }
  rmSync(directory, { recursive: true, force: true });
});

const outputOf = (child: ChildProcess): (() => string) => {
  let text = "";
  child.stdout?.on("data", (chunk) => (text += String(chunk)));
  child.stderr?.on("data", (chunk) => (text += String(chunk)));
  return () => text;
};

const consoleAddress = "0x000000000000000000636F6e736F6c652e6c6f67";
/** `log(string)`, as a contract calls it. */
const logCall = (text: string): string => {
  const word = (value: number) => value.toString(16).padStart(64, "0");
  return `0x41304fac${word(32)}${word(text.length)}${Buffer.from(text).toString("hex").padEnd(64, "0")}`;
};

it.skipIf(findAnvil() === undefined)(
  "the log has what contracts print and how the state is kept, not a line for every call",
  async () => {
    const life = await startLife(directory, anvilSpec(), running);
    const anvil = life.startAnvil();
    const anvilLog = outputOf(anvil);
    const keeper = life.startKeeper();
    const keeperLog = outputOf(keeper);
    await until(async () => (await rpc(life.url, "eth_chainId")) as string, "anvil answers");
    await until(async () => keeperLog().includes("begins at its genesis"), "the keeper speaks");
    await rpc(life.url, "eth_call", [{ to: consoleAddress, data: logCall("hello from a contract") }, "latest"]);
    await until(async () => anvilLog().includes("hello from a contract"), "the contract is heard");
    keeper.kill("SIGTERM");
    await exitOf(keeper);
    expect(keeperLog()).toMatch(/stopping; the last state of \d+ bytes is kept/);
    expect(anvilLog()).not.toMatch(/eth_|private|mnemonic/i);
    expect(anvilLog()).not.toContain("\u001b");
  },
  30_000,
);
