import { linkSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { z } from "zod";
import { CliFailure } from "../failure.ts";
import { identify, isSame, type ProcessIdentity } from "./process-identity.ts";

const content = z.object({
  pid: z.number().int(),
  startedAt: z.string(),
  /** Set when it is ready. */
  api: z.string().optional(),
  gateway: z.string().optional(),
});

export type LockContent = z.output<typeof content>;

export interface InstanceLock {
  /** Adds where the instance can be reached. */
  publish(addresses: { api: string; gateway: string }): void;
  release(): void;
}

/** Whose lock it is; undefined when there is none, or none that was written whole. */
export const readLock = (path: string): LockContent | undefined => {
  try {
    return content.parse(JSON.parse(readFileSync(path, "utf8")));
  } catch {
    return undefined;
  }
};

const hasCode = (error: unknown, code: string): boolean =>
  error instanceof Error && "code" in error && error.code === code;

const writeWhole = (path: string, value: LockContent): string => {
  const draft = `${path}.${process.pid}`;
  writeFileSync(draft, `${JSON.stringify(value)}\n`, { mode: 0o600 });
  return draft;
};

/** False when somebody else's is there. A link never replaces, and what it links is whole. */
const tryTake = (path: string, own: LockContent): boolean => {
  const draft = writeWhole(path, own);
  try {
    linkSync(draft, path);
    return true;
  } catch (error) {
    if (hasCode(error, "EEXIST")) return false;
    throw error;
  } finally {
    rmSync(draft, { force: true });
  }
};

/** Moves a dead owner's lock away. Of two that find the same one, the second may hold a fresh lock: it puts that back. */
const clearDead = (path: string, dead: string): void => {
  const aside = `${path}.dead-${process.pid}`;
  try {
    renameSync(path, aside);
    if (readFileSync(aside, "utf8") !== dead) linkSync(aside, path);
  } catch {
    // Another starter was faster: the next attempt sees its lock.
  } finally {
    rmSync(aside, { force: true });
  }
};

/**
 * Takes the lock of a home: one instance at a time. That of a process that is gone (also when its number was given to
 * another since) is taken over.
 * @throws CliFailure that names the running instance.
 */
export const takeInstanceLock = (
  path: string,
  owner: ProcessIdentity = identify(process.pid),
  isRunning: (other: ProcessIdentity) => boolean = isSame,
): InstanceLock => {
  let own: LockContent = { ...owner };
  for (let attempt = 0; !tryTake(path, own); attempt += 1) {
    const other = readLock(path);
    if (attempt > 20) throw new CliFailure(`The lock ${path} can't be taken.`, { hint: `Delete ${path}.` });
    if (other !== undefined && isRunning(other)) throw alreadyRunning(other);
    try {
      clearDead(path, readFileSync(path, "utf8"));
    } catch {
      // Gone by itself.
    }
  }
  const isOurs = () => {
    const found = readLock(path);
    return found?.pid === own.pid && found.startedAt === own.startedAt;
  };
  return {
    publish: (addresses) => {
      own = { ...own, ...addresses };
      renameSync(writeWhole(path, own), path);
    },
    release: () => {
      if (isOurs()) rmSync(path, { force: true });
    },
  };
};

const alreadyRunning = (other: LockContent): CliFailure =>
  new CliFailure(
    other.api === undefined
      ? `Portolan is already starting here (pid ${other.pid}).`
      : `Portolan already runs here (pid ${other.pid}): API ${other.api}, gateway ${other.gateway}.`,
    {
      hint: `Use that one, stop it with: kill ${other.pid}; or start another beside it with its own PORTOLAN_HOME and ports.`,
    },
  );
