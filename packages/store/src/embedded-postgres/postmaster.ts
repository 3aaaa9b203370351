import { execFile } from "node:child_process";
import { readdir, readFile, readlink, realpath } from "node:fs/promises";
import { promisify } from "node:util";
import pg from "pg";
import { errorCode } from "./postgres-problem.ts";

const run = promisify(execFile);

/** What `postmaster.pid` says (PostgreSQL, src/include/utils/pidfile.h). */
export interface PostmasterFile {
  pid: number;
  port: number;
}

export async function readPostmasterFile(dataDir: string): Promise<PostmasterFile | undefined> {
  const text = await readFile(`${dataDir}/postmaster.pid`, "utf8").catch(() => "");
  const [pid, , , port] = text.split("\n");
  const parsed = Number.parseInt(pid ?? "", 10);
  if (!Number.isSafeInteger(parsed) || parsed <= 1) return undefined;
  return { pid: parsed, port: Number.parseInt(port ?? "", 10) || 0 };
}

export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return errorCode(error) === "EPERM";
  }
}

/**
 * Whether this pid is a postgres that works in this data directory: after a crash a pid may long belong to a stranger.
 * A postmaster and all its children have the data directory as their working directory.
 */
export async function isPostgresOf(dataDir: string, pid: number): Promise<boolean> {
  if (!isAlive(pid)) return false;
  const real = await realpath(dataDir).catch(() => dataDir);
  if (process.platform === "linux") {
    const [cwd, comm] = await Promise.all([
      readlink(`/proc/${pid}/cwd`).catch(() => ""),
      readFile(`/proc/${pid}/comm`, "utf8").catch(() => ""),
    ]);
    return cwd === real && comm.trim() === "postgres";
  }
  const { stdout } = await run("ps", ["-p", String(pid), "-o", "command="]).catch(() => ({ stdout: "" }));
  return stdout.includes("postgres") && (stdout.includes(real) || stdout.includes(dataDir));
}

/**
 * Server processes that outlived their postmaster (kill -9) and still hold its shared memory: postgres refuses to start
 * beside them. Linux only; elsewhere they end by themselves as soon as they notice.
 */
export async function findProcessesOf(dataDir: string): Promise<number[]> {
  if (process.platform !== "linux") return [];
  const pids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name)).map(Number);
  const found: number[] = [];
  for (const pid of pids) if (await isPostgresOf(dataDir, pid)) found.push(pid);
  return found;
}

/**
 * Asks the server at this port which directory it serves.
 * @returns "ours", "other" (someone else answers), "busy" (starting, recovering or shutting down) or "silent".
 */
export async function askServer(
  url: string,
  dataDir: string,
  timeoutMs = 2_000,
): Promise<"ours" | "other" | "busy" | "silent"> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: timeoutMs, query_timeout: timeoutMs });
  client.on("error", () => undefined);
  try {
    await client.connect();
    const { rows } = await client.query<{ data_directory: string }>("show data_directory");
    const [served, wanted] = await Promise.all([
      realpath(rows[0]?.data_directory ?? "").catch(() => ""),
      realpath(dataDir),
    ]);
    return served === wanted ? "ours" : "other";
  } catch (error) {
    const code = errorCode(error);
    // 57P03: cannot connect now; 57P01: shutting down; 53300: too many connections.
    if (code === "57P03" || code === "57P01" || code === "53300") return "busy";
    return code.length === 5 && /^[0-9A-Z]{5}$/.test(code) ? "other" : "silent";
  } finally {
    await client.end().catch(() => undefined);
  }
}
