import { readdirSync, readFileSync } from "node:fs";
import { chmod, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { systemClock } from "@portolan/domain";
import { anvil, type Framework, loadAsset } from "@portolan/frameworks";
import { silentLogger } from "@portolan/kit";
import { createProcessRuntime, createProgramFinder } from "@portolan/runtimes";
import { claimPortRange, createFakeFramework } from "@portolan/testing";
import { afterAll } from "vitest";
import { type TestPlane, testPlane } from "./plane.ts";
import { aheadClock } from "./settle.ts";
import type { TestChain } from "./wishes.ts";

export interface ProcessPlane extends TestPlane {
  home: string;
}

const fakeNode = fileURLToPath(
  import.meta.resolve("@portolan/testing").replace("index.ts", "fake-framework/fake-node.ts"),
);

/** The plane with real programs on this machine, in a home of its own that is emptied afterwards. */
export const processPlane = async (
  frameworks: readonly Framework[] = [createFakeFramework(), anvil],
): Promise<ProcessPlane> => {
  const home = await mkdtemp(join(tmpdir(), "portolan-worker-"));
  const portRange = await claimPortRange();
  // The programs' user must get in.
  await chmod(home, 0o755);
  const plane = await testPlane({
    regions: ["local"],
    clock: aheadClock(),
    frameworks,
    loadAsset: (framework, path) => (framework === "fake" ? readFileSync(fakeNode) : loadAsset(framework, path)),
    runtime: (gate) =>
      createProcessRuntime({
        home,
        clock: systemClock,
        log: silentLogger,
        programs: createProgramFinder({ searchPath: "", programsDir: join(home, "programs") }),
        portRange,
        checkpoint: (name) => gate(`at ${name}`),
      }),
  });
  afterAll(async () => {
    for (const place of [home, join(home, "nodes")]) {
      for (const { pid } of programsOf(place)) process.kill(pid, "SIGKILL");
    }
    await rm(home, { recursive: true, force: true });
  });
  return { ...plane, home };
};

const read = (path: string): string => {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
};

/** Programs of this home as the system itself shows them, by their labels. */
export const programsOf = (home: string, chain?: TestChain): { pid: number; node: string; process: string }[] =>
  readdirSync("/proc").flatMap((entry) => {
    const environment = read(`/proc/${entry}/environ`).split("\0");
    const label = environment.find((variable) => variable.startsWith("PORTOLAN_INSTANCE="));
    if (label === undefined || !environment.includes(`PORTOLAN_HOME_DIR=${home}`)) return [];
    const [placementId = "", node = "", name = ""] = label.slice("PORTOLAN_INSTANCE=".length).split("/");
    const isWanted = chain === undefined || [...chain.placements.values()].includes(placementId);
    return isWanted ? [{ pid: Number(entry), node, process: name }] : [];
  });
