import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { join, sep } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

/** One process of the machine that belongs to a plane, told by what only that plane's processes carry. */
export interface PlaneProcess {
  pid: number;
  /** `api`, `worker`, `gateway`, `supervisor`, `postgres`, the program's name of a chain's node, or `other`. */
  name: string;
  /** Of a chain's node. */
  placementId: string | undefined;
  /** The node's name in the chain, of a chain's node. */
  node: string | undefined;
}

const read = (path: string): string => {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
};

const variables = (pid: number): Map<string, string> =>
  new Map(
    read(`/proc/${pid}/environ`)
      .split("\0")
      .map((entry): [string, string] => {
        const at = entry.indexOf("=");
        return [entry.slice(0, at), entry.slice(at + 1)];
      }),
  );

const directoryOf = (pid: number): string => {
  try {
    return readlinkSync(`/proc/${pid}/cwd`);
  } catch {
    return "";
  }
};

const isBelow = (path: string, home: string): boolean => path === home || path.startsWith(home + sep);

/** Zombies are no processes any more: nothing but their parent's look keeps their row. */
const isZombie = (stat: string): boolean => stat.slice(stat.lastIndexOf(")") + 2, stat.lastIndexOf(")") + 3) === "Z";

const nameOf = (pid: number, argumentsText: string, label: string | undefined): string => {
  if (label !== undefined) return label.split("/")[2] ?? "other";
  const found = /apps\/(api|worker|gateway|cli)\/src\/main\.ts/.exec(argumentsText)?.[1];
  if (found !== undefined) return found === "cli" ? "supervisor" : found;
  return read(`/proc/${pid}/comm`).trim() === "postgres" ? "postgres" : "other";
};

const look = (pid: number, home: string): PlaneProcess | undefined => {
  const environment = variables(pid);
  const argumentsText = read(`/proc/${pid}/cmdline`).replaceAll("\0", " ");
  const isOurs =
    environment.get("PORTOLAN_HOME") === home ||
    isBelow(environment.get("PORTOLAN_HOME_DIR") ?? "", home) ||
    isBelow(directoryOf(pid), home) ||
    argumentsText.includes(`${home}/`);
  if (!isOurs || isZombie(read(`/proc/${pid}/stat`))) return undefined;
  const instance = environment.get("PORTOLAN_INSTANCE");
  // The plane's own processes carry a hash there; a chain's nodes say whose they are.
  const label = instance?.includes("/") === true ? instance : undefined;
  return {
    pid,
    name: nameOf(pid, argumentsText, label),
    placementId: label?.split("/")[0],
    node: label?.split("/")[1],
  };
};

/** Every process of the plane with this home. Reads /proc, so Linux only. */
export const processesOf = (home: string): PlaneProcess[] =>
  readdirSync("/proc")
    .map(Number)
    .filter((pid) => Number.isInteger(pid) && pid > 0 && pid !== process.pid)
    .map((pid) => look(pid, home))
    .filter((found): found is PlaneProcess => found !== undefined);

/** The server alone: its children end with it, and are no target of their own. */
export const postmasterOf = (home: string): number | undefined => {
  const pid = Number.parseInt(read(join(home, "postgres", "postmaster.pid")), 10);
  return Number.isInteger(pid) ? pid : undefined;
};

export const killNow = (pids: readonly number[]): void => {
  for (const pid of pids) {
    try {
      process.kill(pid, "SIGKILL");
    } catch {
      // It ended by itself.
    }
  }
};

/** Waits until nothing of the plane runs; answers what still does at the deadline. */
export const untilNoProcess = async (home: string, timeoutMs: number): Promise<PlaneProcess[]> => {
  const endsAt = Date.now() + timeoutMs;
  for (;;) {
    const left = processesOf(home);
    if (left.length === 0 || Date.now() > endsAt) return left;
    await sleep(50);
  }
};
