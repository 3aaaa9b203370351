/**
 * A stand-in for Besu, for tests only: it is called as `besu` is, with Besu's options and files, and runs another maker's
 * QBFT node (GoQuorum, end of life) on the same keys, validators, accounts and ports. It answers Besu's `qbft_*` calls and
 * health paths in front of that node. Not Besu: its encoding of the genesis block, its EVM after Berlin, its priced gas,
 * its permissioning and its metrics are not proved by anything that runs on this.
 */
import { once } from "node:events";
import { readFlags } from "./flags.ts";
import { followNeighbours } from "./neighbours.ts";
import { findQuorum, startQuorum } from "./node.ts";
import { startRelay } from "./relay.ts";
import { createNodeRpc } from "./rpc.ts";

const run = async (): Promise<number> => {
  const flags = readFlags(process.argv.slice(2));
  if (!flags.isOn("rpc-http-enabled")) throw new Error("the stand-in for Besu needs --rpc-http-enabled");
  const { child, port } = startQuorum(findQuorum(), flags);
  const ended = once(child, "exit") as Promise<[number | null, string | null]>;
  for (const signal of ["SIGTERM", "SIGINT", "SIGHUP"] as const) process.on(signal, () => child.kill("SIGTERM"));
  process.once("exit", () => child.kill("SIGKILL"));
  const rpc = createNodeRpc(await port);
  const file = flags.get("static-nodes-file");
  const leave = file && followNeighbours(file, rpc, { hasNames: flags.isOn("Xdns-enabled") });
  const server = await startRelay(flags, rpc);
  const [code, signal] = await ended;
  if (leave) leave();
  server.close();
  server.closeAllConnections();
  process.stderr.write(`the node in Besu's place ended (${signal ?? code})\n`);
  return code ?? 1;
};

run().then(
  (code) => process.exit(code),
  (error: unknown) => {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    process.exit(2);
  },
);
