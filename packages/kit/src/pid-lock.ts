import { createHash, randomUUID } from "node:crypto";
import { linkSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { z } from "zod";
import { hasErrorCode } from "./error-code.ts";
import { identify, isSame, type ProcessIdentity } from "./process-identity.ts";

const content = z.looseObject({ pid: z.number().int(), startedAt: z.string() });

/** What a lock says: its holder, and whatever the holder published. */
export type PidLockContent = z.output<typeof content>;

export interface PidLock {
  /** Says more in the lock, for those who find it. */
  publish(details: Readonly<Record<string, string>>): void;
  release(): void;
}

export type PidLockAttempt =
  | { ok: true; lock: PidLock }
  /** `holder` is undefined when the lock changed hands faster than it could be read. */
  | { ok: false; holder: PidLockContent | undefined };

export interface PidLockSettings {
  owner?: ProcessIdentity;
  isRunning?: (other: ProcessIdentity) => boolean;
}

/** Whose lock it is, alive or not; undefined when there is none, or none that was written whole. */
export const readPidLock = (path: string): PidLockContent | undefined => parse(read(path));

const read = (path: string): string | undefined => {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    if (hasErrorCode(error, "ENOENT")) return undefined;
    throw error;
  }
};

const parse = (text: string | undefined): PidLockContent | undefined => {
  try {
    return content.parse(JSON.parse(text ?? ""));
  } catch {
    return undefined;
  }
};

const writeDraft = (path: string, value: PidLockContent): string => {
  const draft = `${path}.${process.pid}.new`;
  writeFileSync(draft, `${JSON.stringify(value)}\n`, { mode: 0o600 });
  return draft;
};

/** False when somebody's lock is there. A link never replaces, and what it links is whole. */
const linkOwn = (path: string, own: PidLockContent): boolean => {
  const draft = writeDraft(path, own);
  try {
    linkSync(draft, path);
    return true;
  } catch (error) {
    if (hasErrorCode(error, "EEXIST")) return false;
    throw error;
  } finally {
    rmSync(draft, { force: true });
  }
};

/**
 * Removes a dead holder's lock, and never a fresh one: of all that found the same dead text only the one that holds
 * the lock on its removal may look again and remove it, and no lock says the same text twice (`nonce`). A remover
 * that dies midway leaves a dead lock, which is cleared the same way.
 */
const clearDead = (path: string, dead: string, settings: PidLockSettings): void => {
  const name = createHash("sha256").update(dead).digest("hex").slice(0, 16);
  const removal = tryPidLock(`${path}.dead-${name}`, settings);
  if (!removal.ok) return;
  try {
    if (read(path) === dead) rmSync(path, { force: true });
  } finally {
    removal.lock.release();
  }
};

const maxAttempts = 20;

/**
 * Takes a lock file for this process without waiting. One of a process that is gone, also when its number was given to
 * another since, is taken over. Throws only what the file system throws.
 */
export function tryPidLock(path: string, settings: PidLockSettings = {}): PidLockAttempt {
  const { owner = identify(process.pid), isRunning = isSame } = settings;
  const nonce = randomUUID();
  let own: PidLockContent = { ...owner, nonce };
  for (let attempt = 0; !linkOwn(path, own); attempt += 1) {
    const text = read(path);
    const holder = parse(text);
    if (attempt >= maxAttempts || (holder !== undefined && isRunning(holder))) return { ok: false, holder };
    if (text !== undefined) clearDead(path, text, settings);
  }
  return {
    ok: true,
    lock: {
      publish: (details) => {
        own = { ...own, ...details };
        renameSync(writeDraft(path, own), path);
      },
      release: () => {
        if (readPidLock(path)?.["nonce"] === nonce) rmSync(path, { force: true });
      },
    },
  };
}
