import { readdirSync, readFileSync } from "node:fs";
import { chmod, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { systemClock } from "@portolan/domain";
import { silentLogger } from "@portolan/kit";
import { claimPortRange } from "@portolan/testing/port-range";
import type { ConformanceHarness } from "../src/conformance/conformance.ts";
import { createProcessRuntime, createProgramFinder, type ProcessRuntimeSettings } from "../src/index.ts";

/** Programs of a placement as the system sees them, without the driver's own table. */
export const listPrograms = (home: string, placementId: string): { pid: number; node: string; process: string }[] => {
  const prefix = `PORTOLAN_INSTANCE=${placementId}/`;
  return readPids().flatMap((pid) => {
    const environment = read(`/proc/${pid}/environ`).split("\0");
    const label = environment.find((entry) => entry.startsWith(prefix));
    if (label === undefined || !environment.includes(`PORTOLAN_HOME_DIR=${home}`)) return [];
    const [node = "", process = ""] = label.slice(prefix.length).split("/");
    return [{ pid, node, process }];
  });
};

const read = (path: string): string => {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
};

const readPids = (): number[] =>
  readdirSync("/proc")
    .map(Number)
    .filter((pid) => Number.isInteger(pid));

/**
 * A home that the run user may enter: `mkdtemp` makes its directories for their owner alone. Homes know nothing of each
 * other's claims, so each has ports of its own; its name says which, also to other processes of the same test.
 */
export const makeHome = async (): Promise<string> => {
  const { first } = await claimPortRange();
  const home = await mkdtemp(join(tmpdir(), `portolan-process-${first}-`));
  await chmod(home, 0o755);
  return home;
};

/** The ports of a home that `makeHome` made, or of one below it. */
export const portsOf = (home: string): { first: number; last: number } => {
  const first = Number(/portolan-process-(\d+)-/.exec(home)?.[1]);
  if (!Number.isInteger(first)) throw new Error(`${home} has no ports of its own`);
  return { first, last: first + 198 };
};

export const openRuntime = (home: string, settings: Partial<ProcessRuntimeSettings> = {}) =>
  createProcessRuntime({
    home,
    clock: systemClock,
    log: silentLogger,
    programs: createProgramFinder({ searchPath: "" }),
    ...(settings.portRange === undefined ? { portRange: portsOf(home) } : {}),
    ...settings,
  });

export const openProcessHarness = async (): Promise<ConformanceHarness & { home: string }> => {
  const home = await makeHome();
  return {
    home,
    open: (options = {}) => openRuntime(home, options),
    kill: async ({ placementId }, node, name) => {
      const found = listPrograms(home, placementId).find((one) => one.node === node && one.process === name);
      if (!found) throw new Error(`${node}/${name} does not run`);
      process.kill(found.pid, "SIGKILL");
    },
    countPrograms: async ({ placementId }, node, name) =>
      listPrograms(home, placementId).filter(
        (one) => (node === undefined || one.node === node) && (name === undefined || one.process === name),
      ).length,
    commandLines: async ({ placementId }) =>
      listPrograms(home, placementId).map(({ pid }) => read(`/proc/${pid}/cmdline`).replaceAll("\0", " ")),
    close: () => rm(home, { recursive: true, force: true }),
  };
};
