import { execFile } from "node:child_process";
import { readFile, stat } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { promisify } from "node:util";
import { PostgresProblem } from "./postgres-problem.ts";

const run = promisify(execFile);

/** The account that Postgres runs as where we are root, because Postgres refuses to run as root. */
export interface SystemUser {
  name: string;
  uid: number;
  gid: number;
}

/** In this order: `portolan` where the machine has it, Postgres' own account, one that we make, and `nobody` last. */
const candidates = ["portolan", "postgres"];

/**
 * The account for Postgres: undefined when we are not root (Postgres then runs as we do).
 * @throws PostgresProblem `postgres.noUser` when there is none and none can be made.
 */
export async function findSystemUser(): Promise<SystemUser | undefined> {
  if (process.getuid?.() !== 0) return undefined;
  for (const name of candidates) {
    const user = await lookUp(name);
    if (user !== undefined && user.uid !== 0) return user;
  }
  const made = (await makeUser("portolan")) ?? (await lookUp("nobody"));
  if (made !== undefined && made.uid !== 0) return made;
  throw new PostgresProblem(
    "postgres.noUser",
    "Postgres does not run as root, and no other account was found or could be made for it.",
    "Make one (useradd --system portolan), or start Portolan as an ordinary user.",
  );
}

async function lookUp(name: string): Promise<SystemUser | undefined> {
  const passwd = await readFile("/etc/passwd", "utf8").catch(() => "");
  for (const line of passwd.split("\n")) {
    const [found, , uid, gid] = line.split(":");
    if (found === name && uid !== undefined && gid !== undefined) return { name, uid: Number(uid), gid: Number(gid) };
  }
  // macOS and directory services keep accounts elsewhere; `id` knows them.
  try {
    const [uid, gid] = await Promise.all([run("id", ["-u", name]), run("id", ["-g", name])]);
    return { name, uid: Number(uid.stdout), gid: Number(gid.stdout) };
  } catch {
    return undefined;
  }
}

async function makeUser(name: string): Promise<SystemUser | undefined> {
  const attempts: [string, string[]][] = [
    ["useradd", ["--system", "--user-group", "--no-create-home", "--shell", "/usr/sbin/nologin", name]],
    ["adduser", ["-S", "-D", "-H", name]],
  ];
  for (const [program, parameters] of attempts) {
    try {
      await run(program, parameters);
      const user = await lookUp(name);
      if (user !== undefined) return user;
    } catch {
      // The next way may be the one that this system has.
    }
  }
  return undefined;
}

/**
 * The nearest directory on the way to `path` (itself included) that `user` may not enter; undefined when all may be
 * entered. What does not exist yet is not looked at. Reads the permission bits only: an ACL may allow more.
 */
export async function firstClosedDirectory(path: string, user: SystemUser): Promise<string | undefined> {
  const chain: string[] = [];
  for (let at = resolve(path); ; at = dirname(at)) {
    chain.unshift(at);
    if (dirname(at) === at) break;
  }
  for (const directory of chain) {
    const found = await stat(directory).catch(() => undefined);
    if (found === undefined) return undefined;
    if (!found.isDirectory()) continue;
    const bit = found.uid === user.uid ? 0o100 : found.gid === user.gid ? 0o010 : 0o001;
    if ((found.mode & bit) === 0) return directory;
  }
  return undefined;
}
