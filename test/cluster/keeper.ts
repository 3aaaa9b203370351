/**
 * `keeper.ts <run directory> <level> <nodes> <owner's pid>`: starts a cluster, writes `cluster.json` beside it, does what
 * is asked at `keeper.sock`, and ends it when told or when the owner is gone. Only @portolan/testing starts it.
 */
import { rmSync, writeFileSync } from "node:fs";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { join } from "node:path";
import type { ClusterLevel } from "@portolan/testing/cluster";
import { clearAbandonedClusters, isProcessAlive, writeKeeperMark } from "./abandoned.ts";
import { type RunningCluster, runCluster } from "./cluster.ts";
import { replace } from "./replace-file.ts";

const [directory = "", levelText, nodesText, ownerText] = process.argv.slice(2);
const level = Number(levelText) as ClusterLevel;
const owner = Number(ownerText);
const socket = join(directory, "keeper.sock");

let cluster: RunningCluster | undefined;
let ending: Promise<void> | undefined;

const end = (code = 0): Promise<void> => {
  ending ??= (async () => {
    await cluster?.close();
    if (code === 0) rmSync(directory, { recursive: true, force: true });
    process.exit(code);
  })();
  return ending;
};

const textOf = async (request: IncomingMessage): Promise<string> => {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString("utf8");
};

const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
  const args: never[] = JSON.parse(await textOf(request));
  const name = (request.url ?? "").slice(1);
  if (name === "close") {
    response.end();
    return await end();
  }
  const command = cluster?.commands[name];
  if (command === undefined) throw new Error(`a cluster of level ${level} cannot ${name}`);
  const result = await command(...args);
  response.end(result === undefined ? "" : JSON.stringify(result));
};

const server = createServer((request, response) => {
  answer(request, response).catch((error: unknown) => {
    response.statusCode = 500;
    response.end(error instanceof Error ? error.message : String(error));
  });
});

// A cluster without a keeper would be worse than one whose keeper missed something.
process.on("uncaughtException", (error) => console.error(error));
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => void end());
setInterval(() => {
  if (!isProcessAlive(owner)) void end();
}, 300);

try {
  writeKeeperMark(directory);
  await clearAbandonedClusters();
  await new Promise<void>((resolve, reject) => server.once("error", reject).listen(socket, resolve));
  cluster = await runCluster(directory, level, Number(nodesText));
  replace(join(directory, "cluster.json"), JSON.stringify(cluster.facts));
} catch (error) {
  writeFileSync(
    join(directory, "failure.txt"),
    error instanceof Error ? (error.stack ?? error.message) : String(error),
  );
  await end(1);
}
