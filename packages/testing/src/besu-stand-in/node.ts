import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type { BesuFlags } from "./flags.ts";
import { toQuorumGenesis } from "./genesis.ts";

export interface QuorumNode {
  child: ChildProcess;
  /** The port of its JSON-RPC on this machine's loopback, as soon as it listens. */
  port: Promise<number>;
}

/** Ends a child that nobody is left to end: a container ends all of its processes by itself. */
const setpriv = "/usr/bin/setpriv";

const required = (flags: BesuFlags, name: Parameters<BesuFlags["get"]>[0]): string => {
  const value = flags.get(name);
  if (value === undefined) throw new Error(`the stand-in for Besu needs --${name}`);
  return value;
};

/** It binds to all addresses where only a port is said. */
const toConfig = (host: string, port: string): string =>
  ["[Node.P2P]", `ListenAddr = "${host}:${port}"`, "NoDiscovery = true", "MaxPeers = 50", ""].join("\n");

/** Lays the chain's first block down, or finds that it is the same; a data directory of another chain is refused. */
const prepare = (geth: string, flags: BesuFlags) => {
  const directory = join(required(flags, "data-path"), "quorum");
  const { genesis, chainId, gasLimit } = toQuorumGenesis(
    JSON.parse(readFileSync(required(flags, "genesis-file"), "utf8")),
  );
  mkdirSync(directory, { recursive: true });
  const files = { genesis: join(directory, "genesis.json"), config: join(directory, "config.toml") };
  writeFileSync(files.genesis, JSON.stringify(genesis));
  writeFileSync(files.config, toConfig(flags.get("p2p-interface") ?? "0.0.0.0", flags.get("p2p-port") ?? "30303"));
  const made = spawnSync(geth, ["--datadir", directory, "init", files.genesis], { encoding: "utf8" });
  if (made.status !== 0) throw new Error(`the genesis was refused: ${made.stderr}`);
  return { directory, chainId, gasLimit, config: files.config };
};

const portFrom = (child: ChildProcess): Promise<number> =>
  new Promise((resolve, reject) => {
    let text = "";
    child.stderr?.setEncoding("utf8").on("data", (chunk: string) => {
      process.stderr.write(chunk);
      if (text.length > 1_000_000) return;
      text += chunk;
      const found = /HTTP server started\s+endpoint=127\.0\.0\.1:(\d+)/.exec(text)?.[1];
      if (found === undefined) return;
      text = " ".repeat(1_000_001);
      resolve(Number(found));
    });
    child.once("error", reject);
    child.once("exit", (code, signal) => reject(new Error(`the node ended (${signal ?? code})`)));
  });

const argumentsOf = ({ directory, config, chainId, gasLimit }: ReturnType<typeof prepare>, key: string): string[] => [
  ...["--config", config, "--datadir", directory, "--nodekey", key, "--networkid", String(chainId)],
  ...["--nodiscover", "--nat", "none", "--ipcdisable", "--snapshot=false", "--cache", "64"],
  // As Besu's forest: each block's state is on the disk with the block, so that a kill loses nothing.
  ...["--syncmode", "full", "--gcmode", "archive"],
  // A node that is no validator seals nothing; one that was voted in has to begin by itself.
  ...["--mine", "--miner.threads", "1", "--miner.gasprice", "0"],
  ...["--miner.gaslimit", String(gasLimit), "--miner.gastarget", String(gasLimit)],
  ...["--http", "--http.addr", "127.0.0.1", "--http.port", "0", "--http.vhosts", "localhost"],
  ...["--http.api", "admin,debug,eth,istanbul,net,txpool,web3"],
];

/** Beside this program, or where programs are in an image. */
export const findQuorum = (): string => {
  const places = [join(import.meta.dirname, "geth"), join(dirname(process.execPath), "geth")];
  const found = places.find((place) => existsSync(place));
  if (found === undefined) throw new Error(`GoQuorum's geth is neither of ${places.join(", ")}`);
  return found;
};

/** Starts GoQuorum with what Besu was told. Throws before it starts on what it can't do. */
export const startQuorum = (geth: string, flags: BesuFlags): QuorumNode => {
  const words = [geth, ...argumentsOf(prepare(geth, flags), required(flags, "node-private-key-file"))];
  const [program = geth, ...rest] = existsSync(setpriv) ? [setpriv, "--pdeathsig", "KILL", ...words] : words;
  // Nothing of the environment: whoever looks for a chain's nodes by it must find one process, not two.
  const child = spawn(program, rest, {
    env: { PATH: "/usr/bin:/bin", HOME: process.env["HOME"] ?? "/tmp", PRIVATE_CONFIG: "ignore" },
    stdio: ["ignore", "inherit", "pipe"],
  });
  return { child, port: portFrom(child) };
};
