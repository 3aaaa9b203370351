import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { requireCluster } from "@portolan/testing";
import { describe, expect, it, onTestFinished } from "vitest";
import { clearAbandonedClusters } from "./abandoned.ts";
import { startOf } from "./processes.ts";

const required = requireCluster(1);

/** Starts a cluster in a process of its own, which then idles; returns the process and the cluster's directory. */
const startElsewhere = async (): Promise<{ owner: ChildProcess; directory: string }> => {
  const script = `
    import { startCluster } from "@portolan/testing/cluster";
    const cluster = await startCluster({ level: 1 });
    console.log(cluster.runDirectory);
    setInterval(() => undefined, 1_000);
  `;
  const args = ["--input-type=module-typescript", "--eval", script];
  const owner = spawn(process.execPath, args, { cwd: import.meta.dirname, stdio: ["ignore", "pipe", "inherit"] });
  onTestFinished(() => void owner.kill("SIGKILL"));
  if (owner.stdout === null) throw new Error("no output");
  const [said] = await once(owner.stdout.setEncoding("utf8"), "data");
  return { owner, directory: String(said).trim() };
};

const pidsOf = (directory: string): number[] =>
  readdirSync(join(directory, "pids")).map((name) =>
    Number.parseInt(readFileSync(join(directory, "pids", name), "utf8"), 10),
  );

const living = (pids: readonly number[]): number[] => pids.filter((pid) => startOf(pid) !== undefined);

describe.skipIf(required === undefined)("a cluster's keeper", () => {
  it("ends the cluster when its owner was killed", async () => {
    const { owner, directory } = await startElsewhere();
    const pids = pidsOf(directory);
    expect(living(pids)).toHaveLength(2);
    owner.kill("SIGKILL");
    await expect.poll(() => living(pids), { timeout: 10_000 }).toEqual([]);
    await expect.poll(() => existsSync(directory), { timeout: 10_000 }).toBe(false);
  });

  it("is cleared up after when it was killed itself, and a living one's cluster is left alone", async () => {
    const [killed, kept] = [await startElsewhere(), await startElsewhere()];
    const pids = pidsOf(killed.directory);
    expect(living(pids)).toHaveLength(2);
    const keeper = Number.parseInt(readFileSync(join(killed.directory, "keeper.pid"), "utf8"), 10);
    process.kill(keeper, "SIGKILL");
    // The signal is sent, not carried out, when the call is back: until then the cluster has a keeper.
    await expect.poll(() => living([keeper])).toEqual([]);
    // Another suite's cluster that starts now may clear up as well.
    await clearAbandonedClusters();
    expect(living(pids)).toEqual([]);
    expect(existsSync(killed.directory)).toBe(false);
    expect(living(pidsOf(kept.directory))).toHaveLength(2);
  });
});
