import { type PidLock, type PidLockSettings, readPidLock, tryPidLock } from "@portolan/kit";
import { CliFailure } from "../failure.ts";

export interface LockContent {
  pid: number;
  startedAt: string;
  /** Set when it is ready. */
  api?: string | undefined;
  gateway?: string | undefined;
}

export interface InstanceLock extends PidLock {
  /** Adds where the instance can be reached. */
  publish(addresses: { api: string; gateway: string }): void;
}

const textOf = (value: unknown): string | undefined => (typeof value === "string" ? value : undefined);

/** Whose lock it is; undefined when there is none, or none that was written whole. */
export const readLock = (path: string): LockContent | undefined => {
  const found = readPidLock(path);
  if (found === undefined) return undefined;
  const { pid, startedAt, api, gateway } = found;
  return { pid, startedAt, api: textOf(api), gateway: textOf(gateway) };
};

/**
 * Takes the lock of a home: one instance at a time. That of a process that is gone (also when its number was given to
 * another since) is taken over.
 * @throws CliFailure that names the running instance.
 */
export const takeInstanceLock = (path: string, settings: PidLockSettings = {}): InstanceLock => {
  const attempt = tryPidLock(path, settings);
  if (attempt.ok) return attempt.lock;
  const other = readLock(path);
  if (other === undefined) throw new CliFailure(`The lock ${path} can't be taken.`, { hint: `Delete ${path}.` });
  throw alreadyRunning(other);
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
