import { spawn } from "node:child_process";
import { closeSync, existsSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync } from "node:fs";
import { request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { ClusterCommand, ClusterFacts, ClusterImage, TestCluster } from "./contract.ts";
import { type ClusterLevel, clusterSources } from "./programs.ts";

export interface ClusterWish {
  readonly level: ClusterLevel;
  /** Real nodes of level 3, default 1. */
  readonly nodes?: 1 | 2;
  /** The process whose end is the cluster's, default the caller. */
  readonly owner?: number;
  /** A cluster of this directory's is shared: whoever asks first starts it, and closing is up to the owner. */
  readonly sharedAt?: string;
}

/** Directories of clusters begin with it; a keeper that starts clears those whose keeper is gone. */
export const clusterDirectoryPrefix = "portolan-cluster-";

/** Level 3 on a machine that is busy otherwise. */
const startSeconds = 240;

/**
 * A cluster, ready. It runs under a keeper, a process of its own, which ends it on `close` and when its owner is gone.
 * Throws with what the cluster's programs said when it does not start.
 */
export async function startCluster(wish: ClusterWish): Promise<TestCluster> {
  const { sharedAt } = wish;
  if (sharedAt === undefined) {
    const directory = mkdtempSync(join(tmpdir(), clusterDirectoryPrefix));
    startKeeper(directory, wish);
    return toCluster(await facts(directory), () => end(directory));
  }
  if (isFirst(sharedAt)) startKeeper(sharedAt, wish);
  return toCluster(await facts(sharedAt), async () => undefined);
}

/** Ends the cluster of a directory, if there is one. */
export async function endCluster(directory: string): Promise<void> {
  if (existsSync(directory)) await end(directory);
}

const isFirst = (directory: string): boolean => {
  try {
    mkdirSync(directory);
    return true;
  } catch {
    return false;
  }
};

const startKeeper = (directory: string, wish: ClusterWish): void => {
  const { level, nodes = 1, owner = process.pid } = wish;
  const log = openSync(join(directory, "keeper.log"), "a");
  const args = [join(clusterSources, "keeper.ts"), directory, String(level), String(nodes), String(owner)];
  // The preloads of a test runner are not for it.
  const environment = { ...process.env, NODE_OPTIONS: "" };
  const child = spawn(process.execPath, args, { detached: true, stdio: ["ignore", log, log], env: environment });
  child.on("error", () => undefined);
  child.unref();
  closeSync(log);
};

const facts = async (directory: string): Promise<ClusterFacts> => {
  const end = performance.now() + startSeconds * 1_000;
  for (;;) {
    const text = read(join(directory, "cluster.json"));
    if (text !== undefined) return JSON.parse(text) as ClusterFacts;
    const failure = read(join(directory, "failure.txt"));
    if (failure !== undefined) throw new Error(`the test cluster did not start: ${failure}`);
    if (performance.now() > end) {
      throw new Error(`the test cluster was not there after ${startSeconds} s: ${read(join(directory, "keeper.log"))}`);
    }
    await sleep(50);
  }
};

const read = (path: string): string | undefined => {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return undefined;
  }
};

const toCluster = (known: ClusterFacts, close: () => Promise<void>): TestCluster => {
  const ask = <T>(word: ClusterCommand, ...args: readonly unknown[]): Promise<T> =>
    tell(known.runDirectory, word, args) as Promise<T>;
  return {
    ...known,
    stopNode: (name) => ask("stopNode", name),
    startNode: (name) => ask("startNode", name),
    killApiServer: () => ask("killApiServer"),
    startApiServer: () => ask("startApiServer"),
    freezeApiServer: () => ask("freezeApiServer"),
    thawApiServer: () => ask("thawApiServer"),
    restartControllers: () => ask("restartControllers"),
    addSimulatedNodes: (count) => ask("addSimulatedNodes", count),
    makeImage: (spec) => ask<ClusterImage>("makeImage", spec),
    pushImage: (image, repository, tag) => ask("pushImage", image, repository, tag),
    close,
  };
};

/** Tells the keeper, which removes the directory as its last act. What a killed keeper left is for the next one. */
const end = async (directory: string): Promise<void> => {
  const deadline = performance.now() + 30_000;
  try {
    await tell(directory, "close", []);
    while (existsSync(directory) && performance.now() < deadline) await sleep(20);
  } catch {
    // It did not come up: what it had started, it has stopped.
    if (existsSync(join(directory, "failure.txt"))) rmSync(directory, { recursive: true, force: true });
  }
};

const tell = (directory: string, command: ClusterCommand, args: readonly unknown[]): Promise<unknown> =>
  new Promise((resolve, reject) => {
    const sent = request(
      { socketPath: join(directory, "keeper.sock"), path: `/${command}`, method: "POST" },
      (response) => {
        const chunks: Buffer[] = [];
        response.on("data", (chunk: Buffer) => chunks.push(chunk));
        response.once("error", reject);
        response.once("end", () => {
          const text = Buffer.concat(chunks).toString("utf8");
          if (response.statusCode === 200) resolve(text === "" ? undefined : JSON.parse(text));
          else reject(new Error(text));
        });
      },
    );
    sent.once("error", reject);
    sent.end(JSON.stringify(args));
  });
