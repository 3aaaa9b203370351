import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type { ChainSpec, MaterialItem, NodeAddress, Text } from "@portolan/domain";
import { freePort } from "@portolan/testing";
import { anvil } from "../src/anvil/anvil.ts";
import { makeMaterial } from "../src/anvil/material.ts";
import { evmChainId } from "../src/anvil/settings.ts";
import { loadAsset } from "../src/assets.ts";
import { deriveAccounts } from "../src/evm/account.ts";
import type { OperatorConfig } from "../src/operator-config.ts";
import { seededRandom } from "./anvil-spec.ts";

/** The native binary of this platform's npm package; undefined where npm has none. */
export const findAnvil = (): string | undefined => {
  const arch = process.arch === "x64" ? "amd64" : process.arch;
  const name = `@foundry-rs/anvil-${process.platform === "win32" ? "win32" : process.platform}-${arch}`;
  try {
    const root = dirname(createRequire(import.meta.url).resolve(`${name}/package.json`));
    const path = join(root, "bin", process.platform === "win32" ? "anvil.exe" : "anvil");
    return existsSync(path) ? path : undefined;
  } catch {
    return undefined;
  }
};

export interface Life {
  url: string;
  keeperUrl: string;
  accounts: string[];
  chainId: number;
  files: { directory: string; data: string };
  startKeeper(): ChildProcess;
  startAnvil(): ChildProcess;
}

export const rpc = async (url: string, method: string, params: unknown[] = []) => {
  const answer = await fetch(url, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ jsonrpc: "2.0", id: 1, method, params }),
  });
  const { result, error } = (await answer.json()) as { result?: unknown; error?: { message: string } };
  if (error) throw new Error(error.message);
  return result;
};

/** Calls until it neither throws nor answers false. */
export const until = async <Value>(
  look: () => Promise<Value | false>,
  what: string,
  timeoutMs = 15_000,
): Promise<Value> => {
  const endsAt = Date.now() + timeoutMs;
  for (;;) {
    const seen = await look().catch(() => false as const);
    if (seen !== false) return seen;
    if (Date.now() > endsAt) throw new Error(`never: ${what}`);
    await delay(10);
  }
};

export const exitOf = (child: ChildProcess): Promise<{ code: number | null; signal: string | null }> =>
  child.exitCode !== null || child.signalCode !== null
    ? Promise.resolve({ code: child.exitCode, signal: child.signalCode })
    : new Promise((resolve) => child.once("exit", (code, signal) => resolve({ code, signal })));

/** Starts what the blueprint says, as a runtime would: the framework's own arguments, files and order. */
export const startLife = async (
  directory: string,
  spec: ChainSpec,
  running: ChildProcess[],
  operator: OperatorConfig = { forks: [] },
): Promise<Life> => {
  const binary = findAnvil();
  if (binary === undefined) throw new Error("npm has no anvil for this platform");
  const made = makeMaterial(spec, [], { random: seededRandom(), now: new Date("2026-01-01T00:00:00Z") });
  const material: MaterialItem[] = made;
  const [rpcPort, keeperPort] = [await freePort(), await freePort()];
  const addresses: NodeAddress[] = [["rpc", rpcPort] as const, ["keeper", keeperPort] as const].map(
    ([port, number]) => ({
      node: "node-0",
      port,
      host: "127.0.0.1",
      number,
      bindHost: "127.0.0.1",
      bindNumber: number,
    }),
  );
  const capabilities = {
    isolation: "none",
    hasStorageExpansion: false,
    hasSnapshots: false,
    exposures: ["gateway"],
  } as const;
  const regions = { local: { placementId: "plc_1", capabilities } };
  const node = anvil.blueprint(spec, material, { regions, addresses: { local: addresses }, operator })["local"]
    ?.nodes[0];
  if (node === undefined) throw new Error("no node");
  const data = join(directory, "data");
  mkdirSync(data, { recursive: true });
  for (const { name, content, mode } of node.files) {
    const bytes =
      "asset" in content
        ? loadAsset("anvil", content.asset)
        : made.find((item) => "secret" in content && item.name === content.secret.material)?.secret;
    if (!existsSync(join(directory, name))) writeFileSync(join(directory, name), bytes ?? "", { mode });
  }
  const toArg = (text: Text): string =>
    typeof text === "string"
      ? text
      : Array.isArray(text)
        ? text.map(toArg).join("")
        : "file" in text
          ? join(directory, text.file)
          : join(directory, (text as { volume: string }).volume);
  const start = (name: string): ChildProcess => {
    const found = node.processes.find((process) => process.name === name);
    if (found === undefined) throw new Error(`no process ${name}`);
    const env = { PATH: process.env["PATH"], HOME: directory, TMPDIR: directory, ...found.env };
    const program = name === "anvil" ? binary : process.execPath;
    const child = spawn(program, found.args.map(toArg), { env, stdio: ["ignore", "pipe", "pipe"] });
    running.push(child);
    return child;
  };
  return {
    url: `http://127.0.0.1:${rpcPort}`,
    keeperUrl: `http://127.0.0.1:${keeperPort}/status`,
    accounts: deriveAccounts(new TextDecoder().decode(made[0]?.secret), 10).map(({ address }) => address),
    chainId: evmChainId(spec),
    files: { directory, data },
    startKeeper: () => start("state-keeper"),
    startAnvil: () => start("anvil"),
  };
};
