import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { chown, mkdir, open, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { promisify } from "node:util";
import { replaceFile } from "@portolan/kit";
import { diskFull, errorCode, PostgresProblem, saysDiskFull, toFileProblem } from "./postgres-problem.ts";
import type { PostgresPrograms } from "./programs.ts";
import { firstClosedDirectory, type SystemUser } from "./system-user.ts";

const run = promisify(execFile);

/** The one superuser of the embedded server; used to make roles and databases, never by api, worker or gateway. */
export const superuser = "portolan_superuser";

/** What belongs to a data directory but must not lie inside it. */
export function besideDataDirectory(dataDir: string) {
  return {
    /** What is being made, with a random ending: an initdb whose starter was killed may still be at work in its own. */
    partialPrefix: `${dataDir}.partial-`,
    /** Superuser's password, mode 0600, ours alone. */
    password: `${dataDir}.password`,
    /** Port and pid of the last start. */
    record: `${dataDir}.json`,
    lock: `${dataDir}.starting`,
  };
}

/**
 * Makes the data directory when there is none. initdb works in `<dataDir>.partial-…`, which is renamed when it is whole:
 * a half-made one is thus seen, and cleared, by its name.
 * @throws PostgresProblem when the directory is someone else's or of another major version, or can't be made.
 */
export async function ensureDataDirectory(options: {
  dataDir: string;
  programs: PostgresPrograms;
  user: SystemUser | undefined;
  isDurable: boolean;
}): Promise<"made" | "found"> {
  const { dataDir, programs, user } = options;
  const partial = `${besideDataDirectory(dataDir).partialPrefix}${randomBytes(4).toString("hex")}`;
  try {
    await mkdir(dirname(dataDir), { recursive: true, mode: user === undefined ? 0o700 : 0o711 });
    await assertReachable(dataDir, user);
    await clearPartials(dataDir);
    if ((await inspect(dataDir, programs.major)) === "ready") return "found";
    await mkdir(partial, { mode: 0o700 });
    if (user !== undefined) await chown(partial, user.uid, user.gid);
    await initialise(partial, options);
    await rm(dataDir, { recursive: true, force: true });
    await rename(partial, dataDir);
    if (options.isDurable) await syncDirectory(dirname(dataDir));
    return "made";
  } catch (error) {
    throw toFileProblem(error, dirname(dataDir));
  }
}

/** Best effort: what an orphaned initdb is still writing goes with the next start. */
async function clearPartials(dataDir: string): Promise<void> {
  const prefix = basename(besideDataDirectory(dataDir).partialPrefix);
  for (const name of await readdir(dirname(dataDir))) {
    if (!name.startsWith(prefix)) continue;
    const path = join(dirname(dataDir), name);
    await rm(path, { recursive: true, force: true, maxRetries: 5, retryDelay: 20 }).catch(() => undefined);
  }
}

async function assertReachable(dataDir: string, user: SystemUser | undefined): Promise<void> {
  const closed = user && (await firstClosedDirectory(dirname(dataDir), user));
  if (closed === undefined || user === undefined) return;
  throw new PostgresProblem(
    "postgres.noPermission",
    `Postgres runs as the user "${user.name}", which may not enter ${closed}.`,
    "Set PORTOLAN_HOME to a directory that other users may pass through (chmod o+x), or do not start as root.",
  );
}

async function inspect(dataDir: string, major: string): Promise<"ready" | "absent"> {
  const entries = await readdir(dataDir).catch((error: unknown): string[] => {
    if (errorCode(error) === "ENOENT") return [];
    throw error;
  });
  if (entries.length === 0) return "absent";
  if (!entries.includes("PG_VERSION")) {
    throw new PostgresProblem(
      "postgres.notOurDirectory",
      `${dataDir} holds files, but no Postgres database.`,
      "Move them elsewhere, or set PORTOLAN_HOME to another directory. Portolan deletes nothing that it did not make.",
    );
  }
  const version = (await readFile(`${dataDir}/PG_VERSION`, "utf8")).trim();
  if (version === major) return "ready";
  throw new PostgresProblem(
    "postgres.versionMismatch",
    `The database in ${dataDir} is PostgreSQL ${version}; this release of Portolan carries PostgreSQL ${major}.`,
    `Start with the release that made it and dump it, or move ${dataDir} aside to begin anew.`,
  );
}

async function initialise(
  directory: string,
  options: { dataDir: string; programs: PostgresPrograms; user: SystemUser | undefined; isDurable: boolean },
): Promise<void> {
  const { dataDir, programs, user } = options;
  // A file that Postgres' account may read, because initdb can't open Node's pipes by name.
  const passwordCopy = `${directory}-password`;
  await rm(passwordCopy, { force: true });
  await writeFile(passwordCopy, `${await loadOrMakePassword(dataDir)}\n`, { mode: 0o600, flag: "wx" });
  if (user !== undefined) await chown(passwordCopy, user.uid, user.gid);
  const parameters = [
    `--pgdata=${directory}`,
    `--username=${superuser}`,
    `--pwfile=${passwordCopy}`,
    "--auth=scram-sha-256",
    "--encoding=UTF8",
    "--locale-provider=builtin",
    "--builtin-locale=C.UTF-8",
    "--locale=C",
    ...(options.isDurable ? [] : ["--no-sync"]),
  ];
  try {
    await run(programs.initdb, parameters, { cwd: "/", env: toEnvironment(), ...toIdentity(user) });
  } catch (error) {
    await rm(directory, { recursive: true, force: true });
    throw toInitProblem(error, dataDir);
  } finally {
    await rm(passwordCopy, { force: true });
  }
}

function toInitProblem(error: unknown, dataDir: string): unknown {
  const output = typeof error === "object" && error !== null && "stderr" in error ? String(error.stderr) : "";
  if (saysDiskFull(output)) return diskFull(dataDir, error);
  if (/Permission denied/.test(output)) {
    return new PostgresProblem(
      "postgres.noPermission",
      `Postgres may not write to ${dataDir}.`,
      "Set PORTOLAN_HOME to a directory that its user may enter and write.",
      { detail: output },
    );
  }
  return new PostgresProblem("postgres.failed", `Making the database in ${dataDir} failed.`, reasonOf(output), {
    detail: output,
    cause: error,
  });
}

/** Why it failed: the server's own complaint, or else the last thing that was said. */
function reasonOf(output: string): string {
  const lines = output.split("\n").filter((line) => line.trim() !== "");
  return lines.find((line) => /FATAL|PANIC|error:/.test(line)) ?? lines.at(-1) ?? "initdb gave no reason.";
}

/** @throws PostgresProblem `postgres.passwordMissing` when the file is gone. */
export async function loadPassword(dataDir: string): Promise<string> {
  const path = besideDataDirectory(dataDir).password;
  try {
    return (await readFile(path, "utf8")).trim();
  } catch (error) {
    if (errorCode(error) !== "ENOENT") throw toFileProblem(error, path);
    throw new PostgresProblem(
      "postgres.passwordMissing",
      `The password of the database in ${dataDir} is gone: ${path} does not exist.`,
      `Put ${path} back from a backup, or move ${dataDir} aside to begin anew.`,
    );
  }
}

async function loadOrMakePassword(dataDir: string): Promise<string> {
  const path = besideDataDirectory(dataDir).password;
  const existing = await readFile(path, "utf8").catch(() => "");
  if (existing.trim() !== "") return existing.trim();
  const made = randomBytes(32).toString("base64url");
  await replaceFile(path, `${made}\n`, { isDurable: true });
  return made;
}

async function syncDirectory(path: string): Promise<void> {
  const handle = await open(path, "r");
  await handle.sync().catch(() => undefined);
  await handle.close();
}

/** The identity to spawn with. */
export function toIdentity(user: SystemUser | undefined): { uid?: number; gid?: number } {
  return user === undefined ? {} : { uid: user.uid, gid: user.gid };
}

/** Postgres sees nothing of our environment, in which there may be secrets. */
export function toEnvironment(): NodeJS.ProcessEnv {
  return { PATH: "/usr/local/bin:/usr/bin:/bin", LC_ALL: "C", TZ: "UTC" };
}
