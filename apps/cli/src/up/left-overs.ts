import { readdirSync, readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { isAlive } from "@portolan/kit";

/** Processes of a former start of this instance (api, worker, gateway); Linux only, empty elsewhere. */
export const findLeftOvers = (instance: string): number[] => {
  if (process.platform !== "linux") return [];
  const mark = `PORTOLAN_INSTANCE=${instance}`;
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .filter((pid) => environmentOf(pid).includes(mark))
    .map(Number);
};

const environmentOf = (pid: string): string[] => {
  try {
    return readFileSync(`/proc/${pid}/environ`, "utf8").split("\0");
  } catch {
    // Gone, or another user's.
    return [];
  }
};

/**
 * A supervisor that was killed leaves children that notice it and end by themselves within seconds: waits for them, so
 * that their ports are free and nothing is done twice, and kills what hangs. Chain nodes and Postgres are not meant.
 */
export const awaitLeftOvers = async (instance: string, log: (line: string) => void, waitMs = 20_000): Promise<void> => {
  const found = findLeftOvers(instance);
  if (found.length === 0) return;
  log(`a former start was cut off; waiting for its processes to end (${found.join(", ")})`);
  const deadline = performance.now() + waitMs;
  for (let left = found; left.length > 0; left = findLeftOvers(instance)) {
    if (performance.now() > deadline) for (const pid of left.filter(isAlive)) process.kill(pid, "SIGKILL");
    await sleep(50);
  }
};
