import { lstat, readdir } from "node:fs/promises";
import { join } from "node:path";
import type { Clock } from "@portolan/domain";
import { hasErrorCode } from "@portolan/kit";

/** Enough for a ledger's files; beyond it the size is what was counted so far. */
const maxEntries = 20_000;
const blockBytes = 512;

const measure = async (root: string): Promise<number> => {
  let bytes = 0;
  let entries = 0;
  const queue = [root];
  for (let path = queue.pop(); path !== undefined && entries < maxEntries; path = queue.pop()) {
    try {
      for (const entry of await readdir(path, { withFileTypes: true })) {
        entries += 1;
        const inside = join(path, entry.name);
        if (entry.isDirectory()) queue.push(inside);
        else if (entry.isFile()) bytes += (await lstat(inside)).blocks * blockBytes;
      }
    } catch (error) {
      // Files come and go while a program runs.
      if (!hasErrorCode(error, "ENOENT", "ENOTDIR")) throw error;
    }
  }
  return bytes;
};

/** Disk space that a directory takes, kept for `keepMs`: billing asks often, and walking a ledger is work. */
export const createStorageMeter = (deps: { clock: Clock; keepMs?: number }) => {
  const { clock, keepMs = 10_000 } = deps;
  const known = new Map<string, { at: number; bytes: Promise<number> }>();
  return {
    bytesOf: (directory: string): Promise<number> => {
      const now = clock.now().getTime();
      const last = known.get(directory);
      if (last && now - last.at < keepMs) return last.bytes;
      const bytes = measure(directory).catch(() => 0);
      known.set(directory, { at: now, bytes });
      return bytes;
    },
    forget: (prefix: string): void => {
      for (const directory of known.keys()) if (directory.startsWith(prefix)) known.delete(directory);
    },
  };
};

export type StorageMeter = ReturnType<typeof createStorageMeter>;
