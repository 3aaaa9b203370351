import { randomBytes } from "node:crypto";
import { constants } from "node:fs";
import { link, mkdir, open, unlink } from "node:fs/promises";
import { dirname } from "node:path";
import { keyBytes } from "./aes.ts";
import { unavailable } from "./error.ts";
import type { KekProvider } from "./kek.ts";
import { createStaticKeks, parseKek } from "./static-keks.ts";

const hasCode = (error: unknown, code: string): boolean =>
  typeof error === "object" && error !== null && "code" in error && error.code === code;

const readKeyFile = async (path: string): Promise<string | undefined> => {
  let file: Awaited<ReturnType<typeof open>>;
  try {
    // O_NOFOLLOW: a link in its place could point at a file that others chose. Absent on Windows.
    file = await open(path, constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0));
  } catch (error) {
    if (hasCode(error, "ENOENT")) return undefined;
    throw unavailable(
      `the key file ${path} cannot be read`,
      "it must be a plain file owned by the user that runs this",
    );
  }
  try {
    const { mode } = await file.stat();
    if (process.platform !== "win32" && (mode & 0o077) !== 0)
      throw unavailable(
        `the key file ${path} can be read or changed by other users of this machine`,
        `make it private with: chmod 600 ${path}; if others may have read it, rotate the key`,
      );
    return await file.readFile("utf8");
  } finally {
    await file.close();
  }
};

/** Writes a fresh key beside the path and links it in place: whoever comes second finds a whole file, never a half. */
const makeKeyFile = async (path: string): Promise<void> => {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  const draft = `${path}.${process.pid}.${randomBytes(6).toString("hex")}`;
  const file = await open(draft, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL, 0o600);
  try {
    await file.writeFile(`${randomBytes(keyBytes).toString("base64")}\n`);
    await file.sync();
  } finally {
    await file.close();
  }
  try {
    await link(draft, path);
  } catch (error) {
    if (!hasCode(error, "EEXIST")) throw unavailable(`the key file ${path} cannot be made`);
  } finally {
    await unlink(draft);
  }
};

export interface KeyFileOptions {
  /** Asked when the file is missing; false where something is sealed already, which a new key would not open. */
  mayMake?: () => Promise<boolean>;
}

/**
 * Keys from a file of mode 0600, one a line, the first of which seals. Made on first use, also when several processes
 * start at once, unless `mayMake` says no. Throws `custody.unavailable` when it is unreadable, malformed, open to
 * others, or lost. Losing the file loses every secret.
 */
export const openKeyFile = async (path: string, options: KeyFileOptions = {}): Promise<KekProvider> => {
  let text = await readKeyFile(path);
  if (text === undefined) {
    if (options.mayMake !== undefined && !(await options.mayMake())) {
      throw unavailable(
        `the key file ${path} is gone, and the database holds secrets that only it opens`,
        "restore it from a backup, then start again; without it all of them are lost, and the chains whose keys they are can't run again",
      );
    }
    await makeKeyFile(path);
    text = await readKeyFile(path);
  }
  const lines = (text ?? "").split("\n").filter((line) => line.trim() !== "" && !line.startsWith("#"));
  if (lines.length === 0)
    throw unavailable(`the key file ${path} is empty`, "restore it from a backup; without it no secret can be opened");
  return createStaticKeks(lines.map((line) => parseKek(line, `the file ${path}`)));
};
