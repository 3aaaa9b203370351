import { mkdir } from "node:fs/promises";
import { dirname } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { type PidLock, tryPidLock } from "@portolan/kit";
import { PostgresProblem, toFileProblem } from "./postgres-problem.ts";

const pollMs = 50;

/**
 * Lets one starter at a time work on a data directory. A lock whose process is dead is taken over.
 * @throws PostgresProblem `postgres.alreadyStarting` when another holds it for `waitMs`.
 */
export async function withStartLock<T>(path: string, work: () => Promise<T>, waitMs = 30_000): Promise<T> {
  await mkdir(dirname(path), { recursive: true, mode: process.getuid?.() === 0 ? 0o711 : 0o700 }).catch((error) => {
    throw toFileProblem(error, dirname(path));
  });
  const lock = await take(path, waitMs);
  try {
    return await work();
  } finally {
    lock.release();
  }
}

async function take(path: string, waitMs: number): Promise<PidLock> {
  const deadline = performance.now() + waitMs;
  for (;;) {
    const attempt = tryTake(path);
    if (attempt.ok) return attempt.lock;
    if (performance.now() > deadline) {
      throw new PostgresProblem(
        "postgres.alreadyStarting",
        `Another Portolan (pid ${attempt.holder?.pid ?? "unknown"}) is starting Postgres in the same place.`,
        `Wait for it, or stop it. If it does not exist any more, delete ${path}.`,
        { retryable: true },
      );
    }
    await sleep(pollMs);
  }
}

function tryTake(path: string) {
  try {
    return tryPidLock(path);
  } catch (error) {
    throw toFileProblem(error, dirname(path));
  }
}
