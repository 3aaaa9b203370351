import { mkdirSync, readdirSync, readlinkSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { DomainError } from "@portolan/domain";
import { hasErrorCode } from "@portolan/kit";
import type { Fence } from "../runtime.ts";
import type { Layout } from "./layout.ts";
import type { ProcessIdentity, ProcessTable } from "./process-table.ts";

/** The right to write to one placement, for the length of one call. */
export interface Turn {
  /** Before each side effect: throws `runtime.fence_stale` when a higher fence has been seen meanwhile. */
  check(): void;
  release(): void;
}

const fencePrefix = "fence.";
const pollMs = 4;
/** A thief that died in the middle of its theft is passed over after this. */
const theftMs = 5000;

const stale = (): DomainError =>
  new DomainError({
    code: "runtime.fence_stale",
    message: "Another worker has taken this placement over.",
    retryable: true,
  });

let counter = 0;

/**
 * Fences outside the database, and one writer at a time. The highest fence is the highest name in the placement's
 * guard directory: making an empty file is atomic and never lowers it, whoever else writes. The lock is a symbolic
 * link whose target says who holds it (pid, start time, boot id, fence): made whole and exclusively in one call, and
 * on a full disk too, where stopping and destroying must still work.
 */
export const createGuard = (deps: { layout: Layout; table: ProcessTable; waitMs?: number }) => {
  const { layout, table, waitMs = 30_000 } = deps;
  let self: ProcessIdentity | undefined;
  const identity = (): ProcessIdentity => {
    self ??= { pid: process.pid, startTime: table.startTimeOf(process.pid) ?? "", bootId: table.bootId() };
    return self;
  };

  const seenFences = (directory: string): bigint[] =>
    readdirSync(directory)
      .filter((name) => /^fence\.\d+$/.test(name))
      .map((name) => BigInt(name.slice(fencePrefix.length)));

  const highest = (directory: string): bigint =>
    seenFences(directory).reduce((top, fence) => (fence > top ? fence : top), 0n);

  const raise = (directory: string, fence: Fence): void => {
    const top = highest(directory);
    if (fence < top) throw stale();
    if (fence === top) return;
    writeFileSync(join(directory, `${fencePrefix}${fence}`), "");
    for (const lower of seenFences(directory).filter((seen) => seen < fence)) {
      rmSync(join(directory, `${fencePrefix}${lower}`), { force: true });
    }
  };

  /** `pid:startTicks:boot:fence:turn`. Kept under 60 characters, for which a link needs no block of the disk. */
  const toContent = (fence: Fence): string => {
    const { pid, startTime, bootId } = identity();
    return [pid, encodeURIComponent(startTime), bootId.slice(0, 8), fence, counter++].join(":");
  };

  const isHeld = (text: string): boolean => {
    const [pid, startTime = "", bootId = ""] = text.split(":");
    return table.bootId().startsWith(bootId) && table.startTimeOf(Number(pid)) === decodeURIComponent(startTime);
  };

  const readLock = (path: string): string | undefined => {
    try {
      return readlinkSync(path);
    } catch (error) {
      if (hasErrorCode(error, "ENOENT")) return undefined;
      throw error;
    }
  };

  /** Removes a dead owner's lock. One thief at a time, and only what was judged dead. */
  const steal = (path: string, judged: string): void => {
    const theft = `${path}.theft`;
    try {
      writeFileSync(theft, "", { flag: "wx" });
    } catch (error) {
      if (!hasErrorCode(error, "EEXIST")) throw error;
      const since = statSync(theft, { throwIfNoEntry: false })?.mtimeMs;
      if (since !== undefined && Date.now() - since > theftMs) rmSync(theft, { force: true });
      return;
    }
    try {
      if (readLock(path) === judged) rmSync(path, { force: true });
    } finally {
      rmSync(theft, { force: true });
    }
  };

  const tryLock = (path: string, content: string): boolean => {
    try {
      symlinkSync(content, path);
      return true;
    } catch (error) {
      if (!hasErrorCode(error, "EEXIST")) throw error;
      const owner = readLock(path);
      if (owner !== undefined && !isHeld(owner)) steal(path, owner);
      return false;
    }
  };

  const enter = async (placementId: string, fence: Fence): Promise<Turn> => {
    const directory = layout.guard(placementId);
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    raise(directory, fence);
    const path = join(directory, "lock");
    const content = toContent(fence);
    const check = (): void => {
      if (highest(directory) > fence) throw stale();
    };
    const until = performance.now() + waitMs;
    while (!tryLock(path, content)) {
      check();
      if (performance.now() > until) {
        throw new DomainError({
          code: "runtime.busy_directory",
          message: "Another worker is still writing to this placement.",
          hint: "It is tried again; if it stays so, look for a stopped or hung worker on this machine.",
          detail: readLock(path) ?? "",
          retryable: true,
        });
      }
      await sleep(pollMs);
    }
    const release = (): void => {
      if (readLock(path) === content) rmSync(path, { force: true });
    };
    try {
      check();
    } catch (error) {
      release();
      throw error;
    }
    return { check, release };
  };
  return { enter };
};

export type Guard = ReturnType<typeof createGuard>;
