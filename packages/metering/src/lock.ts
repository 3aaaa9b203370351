import { join } from "node:path";
import { tryPidLock } from "@portolan/kit";

/**
 * Makes this process the only writer of a spool directory. Answers how to let go, or `null` when a living process
 * has it: its segments are not ours to ship yet.
 */
export const acquireLock = (dir: string): (() => void) | null => {
  const attempt = tryPidLock(join(dir, "lock"));
  return attempt.ok ? () => attempt.lock.release() : null;
};
