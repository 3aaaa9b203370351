import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { migrateJobs } from "@portolan/jobs";
import { jobsSchema, roleNames } from "@portolan/store";
import { afterAll, expect, test } from "vitest";
import { processPlane, programsOf } from "./support/process-plane.ts";
import { changeChain, lastOperation, type TestChain, wishChain } from "./support/wishes.ts";

const plane = await processPlane();
await migrateJobs(
  { kind: "postgres", connectionString: plane.superuserUrl, schema: jobsSchema },
  { grantTo: [roleNames.system] },
);
const main = fileURLToPath(new URL("../src/main.ts", import.meta.url));
const workers = new Set<ChildProcess>();

afterAll(async () => {
  for (const worker of workers) await kill(worker);
});

const spawnWorker = async (): Promise<ChildProcess> => {
  const worker = spawn(process.execPath, [main], {
    env: {
      PATH: process.env["PATH"],
      PORTOLAN_SYSTEM_DATABASE_URL: plane.systemUrl,
      PORTOLAN_HOME: plane.home,
      PORTOLAN_REGIONS: "local",
      PORTOLAN_LEASE_MS: "1500",
      PORTOLAN_SWEEP_MS: "200",
      PORTOLAN_LOG_LEVEL: "error",
    },
    stdio: ["ignore", "ignore", "inherit", "ipc"],
  });
  workers.add(worker);
  await once(worker, "message");
  return worker;
};

const kill = async (worker: ChildProcess): Promise<void> => {
  workers.delete(worker);
  if (worker.exitCode !== null || worker.signalCode !== null) return;
  const gone = once(worker, "exit");
  worker.kill("SIGKILL");
  await gone;
};

const until = async (isDone: () => Promise<boolean>, what: string): Promise<void> => {
  const end = Date.now() + 120_000;
  while (!(await isDone())) {
    if (Date.now() > end) throw new Error(`not in time: ${what}`);
    await sleep(50);
  }
};

const isDone = (chain: TestChain, kind: string) => async () => {
  const operation = await lastOperation(plane, chain);
  return operation.kind === kind && operation.state === "succeeded";
};

test("a worker process that is killed in the middle of a create leaves a chain that the next one completes", {
  timeout: 900_000,
}, async () => {
  const home = join(plane.home, "nodes");
  for (const delayMs of [0, 80, 300, 900]) {
    const worker = await spawnWorker();
    const chain = await wishChain(plane, { framework: "anvil", version: "1.7.1", plan: "dev" });
    await sleep(delayMs);
    await kill(worker);
    const next = await spawnWorker();
    const label = `killed after ${delayMs} ms`;
    await until(isDone(chain, "chain.create"), label);
    const programs = programsOf(home, chain).map((program) => program.process);
    expect(programs.sort(), label).toEqual(["anvil", "state-keeper"]);
    expect(await plane.client.material.count({ where: { chainId: chain.id, version: { gt: 1 } } }), label).toBe(0);
    await changeChain(plane, chain, { kind: "chain.delete", wish: "deleted" });
    await until(isDone(chain, "chain.purge"), `${label}, removed`);
    expect(programsOf(home, chain), label).toEqual([]);
    await kill(next);
  }
});
