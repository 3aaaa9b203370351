/**
 * A stand-in for `octez-node`, for tests only: it is called as that is, with its options and files, and plays the node's
 * HTTP interface over a chain that no protocol runs on (`../scripted-tezos`). What it shows is that programs, files,
 * addresses, keys and the activation block fit together; nothing that Octez or a protocol decides is proved by it. Nodes
 * tell each other of blocks at their p2p addresses, in the stand-in's own words.
 */
import { existsSync } from "node:fs";
import { createServer } from "node:http";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { isSigned } from "../scripted-tezos/activation.ts";
import { createTezosChain, type TezosChain } from "../scripted-tezos/chain.ts";
import { openTezosNode } from "../scripted-tezos/node.ts";
import { toAccount } from "../scripted-tezos/operation.ts";
import { type Ledger, loadLedger, saveLedger, takeOver, toLedger } from "./ledger.ts";
import { chainFile, checkIdentity, createAccess, type NodeConfig, readNodeConfig } from "./node-config.ts";
import { readWords } from "./words.ts";

const known = {
  valued: ["--config-file", "--data-dir", "--history-mode", "--synchronisation-threshold"],
  alone: ["--force-history-mode-switch", "--version"],
};
/** The one that Portolan activates by default. */
const protocols = ["PsUshuai9QapM5TGj1JpuVGkdxz5GykdnEvS6Rh8SUVrARvZLCY"];
const gossipMs = 100;
const askMs = 1_000;

const bakersOf = (chain: TezosChain): string[] => {
  const list = chain.parameters()["bootstrap_accounts"];
  return (Array.isArray(list) ? list : [])
    .map((entry) => (Array.isArray(entry) ? String(entry[0]) : ""))
    .filter((owner) => owner.startsWith("edpk"));
};

/** A baker asks for the next block in its turn, and shows by a signature of the head that it has its key. */
const bake = (chain: TezosChain, body: unknown): unknown => {
  const { key = "", signature = "" } = body as { key?: string; signature?: string };
  const bakers = bakersOf(chain);
  const { hash, shell } = chain.head();
  const turn = bakers[shell.level % Math.max(1, bakers.length)];
  if (shell.level === 0 || key !== turn) return { level: shell.level, address: null };
  if (!isSigned(key, Buffer.of(0x11), Buffer.from(hash), Buffer.from(signature, "hex")))
    throw new Error("the head is not signed by the baker");
  return { level: chain.bake().shell.level, address: toAccount(key) };
};

const peersNow = new Set<string>();

const pull = async (chain: TezosChain, peer: string): Promise<void> => {
  const answer = await fetch(`http://${peer}/ledger?from=${chain.blocks.length}`, {
    signal: AbortSignal.timeout(askMs),
  });
  const { chainId, ...ledger } = (await answer.json()) as Ledger & { chainId: string };
  // Another chain's node is no peer.
  if (chainId !== chain.genesis.chainId) throw new Error("another chain");
  takeOver(chain, ledger);
  peersNow.add(peer);
};

const gossip = async (
  chain: TezosChain,
  { peers }: NodeConfig,
  tell: () => void,
  signal: AbortSignal,
): Promise<void> => {
  while (!signal.aborted) {
    for (const peer of peers) await pull(chain, peer).catch(() => peersNow.delete(peer));
    tell();
    await sleep(gossipMs, undefined, { signal }).catch(() => undefined);
  }
};

const run = async (): Promise<void> => {
  const words = readWords(process.argv.slice(2), known);
  if (process.argv.includes("--version")) {
    process.stdout.write("00000000 (2026-07-20 12:00:00 +0000) (Octez 25.1 (build: 0))\n");
    return;
  }
  if (words.plain.join() !== "run") throw new Error("only `run` is stood in for");
  const directory = words.get("--data-dir");
  const config = readNodeConfig(words.get("--config-file"), directory);
  checkIdentity(directory);
  const mode = words.get("--history-mode");
  if (!/^(?:archive|(?:full|rolling):\d+)$/.test(mode)) throw new Error(`there is no history mode ${mode}`);
  const chain = createTezosChain({ genesis: config.genesis, protocols, now: () => new Date() });
  const file = join(directory, chainFile(config));
  const kept = existsSync(file) ? loadLedger(file) : null;
  if (kept !== null) takeOver(chain, kept);
  chain.onBlock(() => saveLedger(file, toLedger(chain)));
  const node = await openTezosNode(
    chain,
    { peers: 0 },
    {
      ...config.rpc,
      allows: createAccess(config),
      answers: (method, path, body) =>
        config.acl.isOpen && `${method} ${path}` === "POST /scripted/bake" ? bake(chain, body) : undefined,
    },
  );
  const p2p = createServer((request, response) => {
    const from = Number(new URL(request.url ?? "/", "http://node").searchParams.get("from") ?? 0);
    response.end(JSON.stringify({ chainId: chain.genesis.chainId, ...toLedger(chain, from) }));
  });
  p2p.listen(config.p2p.port, config.p2p.host);
  const ending = new AbortController();
  process.on("SIGTERM", () => {
    ending.abort();
    p2p.close();
    p2p.closeAllConnections();
    void node.close();
  });
  await gossip(chain, config, () => node.say({ peers: peersNow.size }), ending.signal);
};

run().catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exit(1);
});
