import { type ChildProcess, spawn } from "node:child_process";
import { open, readFile, rename, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { replaceFile } from "@portolan/kit";
import {
  besideDataDirectory,
  ensureDataDirectory,
  loadPassword,
  superuser,
  toEnvironment,
  toIdentity,
} from "./data-directory.ts";
import { findFreePort, isPortFree } from "./free-port.ts";
import { diskFull, PostgresProblem, saysDiskFull, toFileProblem } from "./postgres-problem.ts";
import { askServer, findProcessesOf, isAlive, isPostgresOf, readPostmasterFile } from "./postmaster.ts";
import { locatePrograms } from "./programs.ts";
import { toServerSettings } from "./server-settings.ts";
import { withStartLock } from "./start-lock.ts";
import { findSystemUser, type SystemUser } from "./system-user.ts";

export interface EmbeddedPostgresOptions {
  /** Absolute path of the data directory; its siblings `<dataDir>.password`, `.json` and `.log` are ours too. */
  dataDir: string;
  /** A wish: the recorded port wins over it, and another free one is taken when someone else sits there. 0 = any. */
  port?: number;
  /** One line per event. */
  log?: (line: string) => void;
  /** Account to run as when we are root; found or made when absent. */
  user?: SystemUser;
  /** False turns fsync off: for tests only. */
  isDurable?: boolean;
  /** How long a start may take, crash recovery included. */
  startTimeoutMs?: number;
}

export interface RunningPostgres {
  port: number;
  pid: number;
  /** True when it was already running (our last process died and left it). */
  isAdopted: boolean;
  /** Connection string of the superuser for this database (default "postgres"). A secret. */
  superuserUrl(database?: string): string;
}

export interface EmbeddedPostgres {
  /** Makes the database if there is none, adopts the running server or starts one, and waits until it answers. */
  start(): Promise<RunningPostgres>;
  /** Fast shutdown, then an immediate one after `graceMs` (10 s). Stops an adopted server too. */
  stop(options?: { graceMs?: number }): Promise<"stopped" | "notRunning">;
  /** Calls back once when the server that was started is gone; returns a function that stops watching. */
  watch(onGone: () => void): () => void;
}

type Outcome = { state: "ready" } | { state: "retry"; reason: string } | { state: "failed"; problem: unknown };

/**
 * A PostgreSQL server of our own, on loopback, in its own session: it survives our death and is adopted by the next
 * start. Nothing is opened before `start`.
 */
export function createEmbeddedPostgres(options: EmbeddedPostgresOptions): EmbeddedPostgres {
  const { dataDir, isDurable = true, startTimeoutMs = 120_000 } = options;
  const log = options.log ?? (() => undefined);
  const beside = besideDataDirectory(dataDir);
  const logFile = `${dataDir}.log`;
  let running: RunningPostgres | undefined;

  const toUrl = (password: string, port: number) => (database?: string) =>
    `postgresql://${superuser}:${password}@127.0.0.1:${port}/${encodeURIComponent(database ?? "postgres")}`;

  async function adopt(password: string, deadline: number): Promise<RunningPostgres | undefined> {
    for (;;) {
      const file = await readPostmasterFile(dataDir);
      if (file === undefined || !(await isPostgresOf(dataDir, file.pid))) return undefined;
      const url = toUrl(password, file.port);
      const answer = file.port === 0 ? "silent" : await askServer(url(), dataDir);
      if (answer === "ours") return { port: file.port, pid: file.pid, isAdopted: true, superuserUrl: url };
      if (answer === "other") {
        throw new PostgresProblem(
          "postgres.passwordMissing",
          `A Postgres already runs on ${dataDir}, but it does not accept our password.`,
          `Stop it (kill -INT ${file.pid}), and put ${beside.password} back from a backup if it was replaced.`,
        );
      }
      if (Date.now() > deadline) throw timedOut(startTimeoutMs, logFile);
      await sleep(20);
    }
  }

  async function launch(password: string, deadline: number, user: SystemUser | undefined): Promise<RunningPostgres> {
    const programs = await locatePrograms({ user, fallbackDirectory: join(dataDir, "..", "programs") });
    const made = await ensureDataDirectory({ dataDir, programs, user, isDurable });
    const secret = password === "" ? await loadPassword(dataDir) : password;
    if (made === "made") log(`made a new database in ${dataDir}`);
    let reason = "";
    for (let attempt = 0; attempt < 5; attempt += 1) {
      await clearStalePidFile(dataDir, log);
      const port = await choosePort(beside.record, options.port, attempt > 0 && reason === "port");
      await rotate(logFile);
      const from = await sizeOf(logFile);
      const child = await spawnServer({ program: programs.postgres, dataDir, port, user, isDurable, logFile });
      const url = toUrl(secret, port);
      const outcome = await waitUntilReady(child, { url: url(), dataDir, deadline, logFile, from, startTimeoutMs });
      if (outcome.state === "failed") throw outcome.problem;
      if (outcome.state === "ready" && child.pid !== undefined) {
        await record(beside.record, port, child.pid);
        return { port, pid: child.pid, isAdopted: false, superuserUrl: url };
      }
      reason = outcome.state === "retry" ? outcome.reason : "";
      if (reason === "sharedMemory") await endLeftOvers(dataDir, log);
    }
    throw new PostgresProblem(
      "postgres.failed",
      `Postgres did not start on ${dataDir} after several attempts (${reason}).`,
      `Its log is ${logFile}.`,
    );
  }

  async function start(): Promise<RunningPostgres> {
    const deadline = Date.now() + startTimeoutMs;
    return withStartLock(beside.lock, async () => {
      const existing = await readFile(beside.password, "utf8").catch(() => "");
      const adopted = await adopt(existing.trim(), deadline);
      if (adopted !== undefined) log(`found Postgres running on port ${adopted.port} (pid ${adopted.pid})`);
      const user = options.user ?? (await findSystemUser());
      running = adopted ?? (await launch(existing.trim(), deadline, user));
      return running;
    });
  }

  async function stop({ graceMs = 10_000 }: { graceMs?: number } = {}): Promise<"stopped" | "notRunning"> {
    const file = await readPostmasterFile(dataDir);
    running = undefined;
    if (file === undefined || !(await isPostgresOf(dataDir, file.pid))) return "notRunning";
    // Fast, immediate, and the last resort; after the latter two the next start recovers from the log.
    const ladder: [NodeJS.Signals, number][] = [
      ["SIGINT", graceMs],
      ["SIGQUIT", 5_000],
      ["SIGKILL", 5_000],
    ];
    for (const [signal, waitMs] of ladder) {
      signalQuietly(file.pid, signal);
      if (await isGone(file.pid, waitMs)) return "stopped";
      log(`Postgres did not stop on ${signal} within ${waitMs} ms`);
    }
    throw new PostgresProblem("postgres.timeout", `Postgres (pid ${file.pid}) does not stop.`, "Stop it by hand.");
  }

  function watch(onGone: () => void): () => void {
    const pid = running?.pid;
    const timer = setInterval(() => {
      if (pid !== undefined && isAlive(pid)) return;
      clearInterval(timer);
      onGone();
    }, 250);
    timer.unref();
    return () => clearInterval(timer);
  }

  return { start, stop, watch };
}

async function waitUntilReady(
  child: ChildProcess,
  at: { url: string; dataDir: string; deadline: number; logFile: string; from: number; startTimeoutMs: number },
): Promise<Outcome> {
  let hasExited = child.exitCode !== null;
  child.once("exit", () => {
    hasExited = true;
  });
  while (Date.now() < at.deadline) {
    if (hasExited) return toOutcome(await readFrom(at.logFile, at.from), at);
    const answer = await askServer(at.url, at.dataDir);
    if (answer === "ours") return { state: "ready" };
    await sleep(5);
  }
  return { state: "failed", problem: timedOut(at.startTimeoutMs, at.logFile) };
}

/** Reads in the server's own words why it ended. */
function toOutcome(output: string, at: { dataDir: string; logFile: string }): Outcome {
  if (/could not bind|could not create any TCP\/IP sockets/.test(output)) return { state: "retry", reason: "port" };
  if (/pre-existing shared memory block/.test(output)) return { state: "retry", reason: "sharedMemory" };
  if (/lock file "postmaster\.pid" already exists/.test(output)) return { state: "retry", reason: "lockFile" };
  if (saysDiskFull(output)) return { state: "failed", problem: diskFull(at.dataDir) };
  const last = output.match(/(?:FATAL|PANIC):.*$/gm)?.at(-1) ?? "It gave no reason.";
  const code = /Permission denied|wrong ownership/.test(output) ? "postgres.noPermission" : "postgres.failed";
  return {
    state: "failed",
    problem: new PostgresProblem(code, `Postgres did not start on ${at.dataDir}. ${last}`, `Its log is ${at.logFile}.`),
  };
}

async function spawnServer(options: {
  program: string;
  dataDir: string;
  port: number;
  user: SystemUser | undefined;
  isDurable: boolean;
  logFile: string;
}): Promise<ChildProcess> {
  const { program, dataDir, port, user, isDurable, logFile } = options;
  try {
    const output = await open(logFile, "a", 0o600);
    try {
      const child = spawn(program, ["-D", dataDir, ...toServerSettings({ port, isDurable })], {
        cwd: "/",
        detached: true,
        env: toEnvironment(),
        stdio: ["ignore", output.fd, output.fd],
        ...toIdentity(user),
      });
      await new Promise((resolve, reject) => {
        child.once("spawn", resolve);
        child.once("error", reject);
      });
      child.unref();
      return child;
    } finally {
      await output.close();
    }
  } catch (error) {
    throw toFileProblem(error, dataDir);
  }
}

/** A pid file whose pid belongs to a stranger makes postgres refuse to start; one of the dead it clears itself. */
async function clearStalePidFile(dataDir: string, log: (line: string) => void): Promise<void> {
  const file = await readPostmasterFile(dataDir);
  if (file === undefined || !isAlive(file.pid) || (await isPostgresOf(dataDir, file.pid))) return;
  await endLeftOvers(dataDir, log);
  log(`postmaster.pid named process ${file.pid}, which is not Postgres: cleared`);
  await rm(`${dataDir}/postmaster.pid`, { force: true });
}

/** Ends server processes whose postmaster is dead: first as a postmaster would in an immediate shutdown. */
async function endLeftOvers(dataDir: string, log: (line: string) => void): Promise<void> {
  for (const signal of ["SIGQUIT", "SIGKILL"] as const) {
    const pids = await findProcessesOf(dataDir);
    if (pids.length === 0) break;
    log(`ending ${pids.length} server processes that outlived their Postgres`);
    for (const pid of pids) signalQuietly(pid, signal);
    for (const pid of pids) await isGone(pid, 2_000);
  }
  // Elsewhere than on Linux they can't be listed; they notice their postmaster's death within moments.
  await sleep(100);
}

function signalQuietly(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // It ended in the meantime.
  }
}

async function isGone(pid: number, waitMs: number): Promise<boolean> {
  const deadline = Date.now() + waitMs;
  while (isAlive(pid)) {
    if (Date.now() > deadline) return false;
    await sleep(10);
  }
  return true;
}

async function choosePort(recordFile: string, wished: number | undefined, isRefused: boolean): Promise<number> {
  const text = await readFile(recordFile, "utf8").catch(() => "");
  const recorded = Number(/"port":\s*(\d+)/.exec(text)?.[1] ?? 0);
  for (const port of isRefused ? [] : [recorded, wished ?? 0]) {
    if (port > 0 && port < 65_536 && (await isPortFree(port))) return port;
  }
  return findFreePort();
}

async function record(path: string, port: number, pid: number): Promise<void> {
  await replaceFile(path, `${JSON.stringify({ port, pid, startedAt: new Date().toISOString() })}\n`);
}

async function sizeOf(path: string): Promise<number> {
  return stat(path).then(
    (found) => found.size,
    () => 0,
  );
}

/** Keeps one former log of at most 10 MB or one run. */
async function rotate(path: string): Promise<void> {
  if ((await sizeOf(path)) > 10_000_000) await rename(path, `${path}.1`);
}

async function readFrom(path: string, from: number): Promise<string> {
  const content = await readFile(path).catch(() => Buffer.alloc(0));
  return content.subarray(from).toString("utf8");
}

function timedOut(timeoutMs: number, logFile: string): PostgresProblem {
  return new PostgresProblem(
    "postgres.timeout",
    `Postgres did not answer within ${timeoutMs / 1000} s.`,
    `Its log is ${logFile}. If it is still recovering from a crash, start again.`,
    { retryable: true },
  );
}
