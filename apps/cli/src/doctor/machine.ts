import { execFile } from "node:child_process";
import { access, constants, open, readFile, stat, statfs } from "node:fs/promises";
import { delimiter, dirname, join } from "node:path";
import { promisify } from "node:util";
import { anvil, defaultVersion } from "@portolan/frameworks";
import { createProgramFinder } from "@portolan/runtimes";
import type { Home } from "../up/home.ts";
import { type Finding, note, ok, wrong } from "./finding.ts";

const run = promisify(execFile);
const oldestNode = 24;

export const checkNode = (version: string): Finding => {
  const major = Number(version.split(".")[0]);
  if (major >= oldestNode) return ok("node", `Node ${version}`);
  return wrong(
    "node",
    `This is Node ${version}; Portolan's sources need ${oldestNode}.`,
    "Start through npm (npm start, npm run portolan -- …), which uses the Node that the packages bring.",
  );
};

/** The nearest directory that exists. */
const nearest = async (path: string): Promise<string> => {
  for (let at = path; ; at = dirname(at)) {
    const found = await stat(at).catch(() => undefined);
    if (found !== undefined || dirname(at) === at) return at;
  }
};

export const checkHome = async (home: Home): Promise<Finding> => {
  const at = await nearest(home.path);
  const isWritable = await access(at, constants.W_OK | constants.X_OK).then(
    () => true,
    () => false,
  );
  if (!isWritable) {
    return wrong(
      "home",
      `${at} may not be written by this user.`,
      "Give yourself write permission there, or set PORTOLAN_HOME to a directory that you own.",
    );
  }
  if (at !== home.path) return note("home", `${home.path} will be made at the first start.`);
  const open: string[] = [];
  for (const name of ["operator.json", "first-chain.json", "kek", "sessions.key", "database-roles.json"]) {
    const found = await stat(home.at(name)).catch(() => undefined);
    if (found !== undefined && process.platform !== "win32" && (found.mode & 0o077) !== 0) open.push(home.at(name));
  }
  if (open.length > 0) {
    return wrong("home", `Other users of this machine may read ${open.join(", ")}.`, `chmod 600 ${open.join(" ")}`);
  }
  return ok("home", home.notice ?? home.path);
};

const wantedBytes = 1_000_000_000;

export const checkDisk = async (path: string): Promise<Finding> => {
  const found = await statfs(await nearest(path));
  const freeBytes = found.bavail * found.bsize;
  const text = `${(freeBytes / 1e9).toFixed(1)} GB free for ${path}`;
  if (freeBytes >= wantedBytes) return ok("disk", text);
  return wrong("disk", text, "Free at least 1 GB, or set PORTOLAN_HOME to another disk.");
};

const codeOf = (error: unknown): string => (error instanceof Error && "code" in error ? String(error.code) : "unknown");

/** `closed`: it may be there, but this user can't tell, or can't read it where that is asked for. */
const look = async (path: string, isToBeRead: boolean): Promise<"there" | "absent" | "closed"> => {
  try {
    if (isToBeRead) await (await open(path)).close();
    else await stat(path);
    return "there";
  } catch (error) {
    return ["ENOENT", "ENOTDIR"].includes(codeOf(error)) ? "absent" : "closed";
  }
};

const closed = (path: string): Finding =>
  note("database", `${path} can't be read as this user.`, "Run doctor as the user who starts Portolan.");

export const checkDataDirectory = async (home: Home): Promise<Finding> => {
  const directory = home.at("postgres");
  const found = await look(directory, false);
  if (found === "closed") return closed(directory);
  if (found === "absent") {
    const isHalf = (await look(`${directory}.partial`, false)) === "there";
    return isHalf
      ? note("database", "A first start was cut off while it made the database; the next start makes it anew.")
      : note("database", "The database will be made at the first start.");
  }
  const versionFile = join(directory, "PG_VERSION");
  const versionFound = await look(versionFile, true);
  if (versionFound === "closed") return closed(versionFile);
  if (versionFound === "absent") {
    return wrong(
      "database",
      `${directory} holds no whole database.`,
      `Move it aside: mv ${directory} ${directory}.old`,
    );
  }
  if ((await look(`${directory}.password`, false)) === "absent") {
    return wrong(
      "database",
      `${directory}.password is gone.`,
      "Put it back from a backup, or move the database aside.",
    );
  }
  return ok("database", `PostgreSQL ${(await readFile(versionFile, "utf8")).trim()} in ${directory}`);
};

/** A start makes the key before operator.json: a home that has only the latter has lost the former. */
export const checkKey = async (home: Home): Promise<Finding> => {
  const path = home.at("kek");
  const found = await look(path, true);
  if (found === "there") return ok("key", path);
  if (found === "closed")
    return note("key", `${path} can't be read as this user.`, "Run doctor as the user who starts Portolan.");
  if ((await look(home.at("operator.json"), false)) === "absent") {
    return note("key", "The key that seals secrets will be made at the first start.");
  }
  return wrong(
    "key",
    `${path} is gone: secrets that are sealed with it can't be opened.`,
    "Restore it from a backup; without it the chains' keys are lost, and a start refuses while the database holds any.",
  );
};

const findOn = async (places: readonly string[], name: string): Promise<string | undefined> => {
  for (const place of places) {
    const path = join(place, name);
    const isThere = await access(path, constants.X_OK).then(
      () => true,
      () => false,
    );
    if (isThere) return path;
  }
  return undefined;
};

/** anvil comes with the packages; a missing one breaks every development chain. Looked for as a worker does. */
export const checkAnvil = async (): Promise<Finding> => {
  const version = defaultVersion(anvil) ?? "";
  const found = createProgramFinder({ searchPath: "/usr/local/bin:/usr/bin:/bin" }).find({ name: "anvil", version });
  if ("missing" in found) return wrong("anvil", found.missing.message, found.missing.hint ?? "");
  try {
    const { stdout } = await run(found.path, ["--version"]);
    return ok("anvil", (stdout.split("\n")[0] ?? "").trim());
  } catch (error) {
    return wrong(
      "anvil",
      `${found.path} can't be run (${codeOf(error)}).`,
      "Run npm install again without --omit=optional.",
    );
  }
};

/** Only needed where REDIS_URL is set, and there as a server, not as a program; said so that nobody looks for it. */
export const checkRedis = async (searchPath: string, redisUrl: string | undefined): Promise<Finding> => {
  if (redisUrl !== undefined) return ok("redis", "REDIS_URL is set: the queue is there.");
  const found = await findOn(
    searchPath.split(delimiter).filter((place) => place !== ""),
    "redis-server",
  );
  return note("redis", `not used: the queue is in Postgres (redis-server ${found ?? "is not installed"}).`);
};
