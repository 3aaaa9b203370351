import { randomBytes } from "node:crypto";
import { link, mkdir, readFile, unlink, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import { DomainError } from "@portolan/domain";

const keyBytes = 32;

/**
 * The key that sessions are signed with, from a file that is made on first use (mode 0600, base64url). Two starters at
 * once end with the same key. Throws `internal` when the file is there but holds no key.
 */
export const loadSigningKey = async (path: string): Promise<Uint8Array> => {
  const read = async (): Promise<string | null> =>
    readFile(path, "utf8").catch((error: NodeJS.ErrnoException) => {
      if (error.code === "ENOENT") return null;
      throw error;
    });
  if ((await read()) === null) {
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    const draft = `${path}.${process.pid}.${randomBytes(4).toString("hex")}`;
    await writeFile(draft, `${randomBytes(keyBytes).toString("base64url")}\n`, { mode: 0o600, flush: true });
    // A link never replaces: whoever is second reads the first one's key.
    await link(draft, path).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== "EEXIST") throw error;
    });
    await unlink(draft);
  }
  const key = Buffer.from(((await read()) ?? "").trim(), "base64url");
  if (key.byteLength >= keyBytes) return key;
  throw new DomainError({
    code: "internal",
    message: "The file with the sessions' signing key is damaged.",
    detail: path,
    hint: "Remove it: a new key is made, and everybody signs in again.",
  });
};
