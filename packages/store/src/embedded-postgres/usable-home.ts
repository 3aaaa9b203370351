import { createHash } from "node:crypto";
import { chmod, mkdir, stat } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { toFileProblem } from "./postgres-problem.ts";
import { findSystemUser, firstClosedDirectory } from "./system-user.ts";

export interface UsableHome {
  /** The data directory to use: absolute. */
  path: string;
  /** Set when it is another than was asked for: one sentence to print. */
  notice?: string;
}

/** Where homes go that Postgres' account could not reach: depends on nothing but the path that was asked for. */
const elsewhere = "/var/lib/portolan";

/**
 * The home to use for the wished one. As an ordinary user this is the wish itself. As root, Postgres runs as another
 * account, which must be able to enter every directory above its data: below a closed one (a clone in /root) a place
 * is used that depends only on the wished path, so that each start finds it again. Makes nothing; see `prepareHome`.
 */
export async function usableHome(wished: string): Promise<UsableHome> {
  const path = resolve(wished);
  const user = await findSystemUser();
  if (user === undefined) return { path };
  const closed = await firstClosedDirectory(dirname(path), user);
  if (closed === undefined) return { path };
  const hash = createHash("sha256").update(path).digest("hex").slice(0, 16);
  const other = join(elsewhere, `home-${hash}`);
  return {
    path: other,
    notice: `Data is kept in ${other}: Postgres runs as the user "${user.name}", which may not enter ${closed}.`,
  };
}

/**
 * Makes the home if it is missing. Mode 0700; as root 0711, so that Postgres' account may pass through to its own
 * directory and read nothing on the way. A home that exists keeps its mode, but for that one bit.
 * @throws PostgresProblem `postgres.noPermission` or `postgres.diskFull`.
 */
export async function prepareHome(path: string): Promise<void> {
  const asRoot = process.getuid?.() === 0;
  try {
    // Directories above the home hold no secret of ours, so they get the ordinary mode.
    await mkdir(dirname(path), { recursive: true });
    await mkdir(path, { mode: asRoot ? 0o711 : 0o700 }).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== "EEXIST") throw error;
    });
    if (asRoot) {
      const { mode } = await stat(path);
      if ((mode & 0o111) !== 0o111) await chmod(path, (mode & 0o7777) | 0o111);
    }
  } catch (error) {
    throw toFileProblem(error, basename(path) === "" ? path : dirname(path));
  }
}
