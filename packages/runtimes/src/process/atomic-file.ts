import { chmodSync, chownSync, closeSync, fsyncSync, openSync, renameSync, rmSync, writeSync } from "node:fs";
import type { RunUser } from "./run-user.ts";

let counter = 0;

/**
 * Writes by temporary file and rename, so that a reader sees the old or the new text, never half of one. Synchronous
 * on purpose: these files are small, and a turn of the thread pool costs more than the write. `isDurable` waits
 * for the disk; most of what is written here describes running processes, which a power cut ends anyway.
 */
export const writeAtomically = (
  path: string,
  content: string | Uint8Array,
  options: { mode: number; owner?: RunUser | undefined; isDurable?: boolean },
): void => {
  const temporary = `${path}.tmp-${process.pid}-${counter++}`;
  try {
    // Made with 0600 and opened exclusively: a secret is never readable meanwhile, and no planted link is followed.
    const fd = openSync(temporary, "wx", 0o600);
    try {
      const bytes = typeof content === "string" ? Buffer.from(content) : content;
      for (let offset = 0; offset < bytes.byteLength; ) offset += writeSync(fd, bytes, offset);
      if (options.isDurable) fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
    if (options.owner) chownSync(temporary, options.owner.uid, options.owner.gid);
    chmodSync(temporary, options.mode);
    renameSync(temporary, path);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  }
};
