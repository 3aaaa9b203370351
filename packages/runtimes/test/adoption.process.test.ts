import { spawn } from "node:child_process";
import { rm } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { append, echoNode, newPlacement, once, serve, toBlueprint, toSpecs } from "../src/conformance/blueprints.ts";
import { askEcho, converge, countOf, eventsOf, until } from "../src/conformance/harness.ts";
import { listPrograms, makeHome, openRuntime } from "./process-harness.ts";

const worker = fileURLToPath(new URL("crash-worker.ts", import.meta.url));
const never = 1_000_000;

const runWorker = (
  home: string,
  placementId: string,
  at: number,
  fence = 1,
): Promise<{ output: string; signal: string | null }> =>
  new Promise((resolve) => {
    const child = spawn(process.execPath, [worker, home, placementId, String(at), String(fence)], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    let output = "";
    child.stdout.on("data", (chunk) => {
      output += chunk;
    });
    child.once("close", (_code, signal) => resolve({ output, signal }));
  });

describe("adoption", () => {
  let home = "";
  beforeAll(async () => {
    home = await makeHome();
  });
  afterAll(() => rm(home, { recursive: true, force: true }));

  const wish = async (runtime: ReturnType<typeof openRuntime>, placement: ReturnType<typeof newPlacement>) => {
    const addresses = await runtime.reserve(placement, toSpecs("echo-0"), 2n);
    const second = serve(addresses, "echo-0", { name: "second", port: "side", after: ["main"] });
    const processes = [serve(addresses, "echo-0"), second];
    const node = echoNode(addresses, "echo-0", { processes, init: [append("init", "init")], jobs: [once("setup")] });
    return toBlueprint(placement, [node]);
  };

  it("takes over what a dead worker left, killed at any of its side effects", { timeout: 1_200_000 }, async () => {
    const whole = newPlacement();
    const { output } = await runWorker(home, whole.placementId, never);
    const runtime = openRuntime(home);
    // The worker ended in peace: its programs go on, and are not started again.
    const { pid } = await askEcho(runtime, whole, "echo-0");
    await converge(runtime, whole, await wish(runtime, whole), 2n);
    expect((await askEcho(runtime, whole, "echo-0")).pid).toBe(pid);
    await runtime.destroy(whole, { volumes: true, fence: 2n });
    expect(Number(output)).toBeGreaterThan(10);

    // How many side effects there are depends on how soon its programs are up: the first worker that outlives them all
    // was the last.
    let places = 0;
    for (let isKilled = true; isKilled; places++) {
      const placement = newPlacement();
      const { signal, output: said } = await runWorker(home, placement.placementId, places);
      isKilled = signal === "SIGKILL";
      if (!isKilled) expect(said).toMatch(/^\d+\n$/);
      const next = openRuntime(home);
      await converge(next, placement, await wish(next, placement), 2n);
      const events = await eventsOf(next, placement, "echo-0");
      expect(
        [countOf(events, "start main"), countOf(events, "start second")],
        `killed at ${places}: ${events}`,
      ).toEqual([1, 1]);
      expect(
        listPrograms(home, placement.placementId)
          .map(({ process }) => process)
          .sort(),
      ).toEqual(["main", "second"]);
      await next.destroy(placement, { volumes: true, fence: 2n });
      expect(listPrograms(home, placement.placementId)).toEqual([]);
    }
    expect(places).toBeGreaterThan(10);
  });

  it("sees the death of an adopted program within a second", async () => {
    const placement = newPlacement();
    await runWorker(home, placement.placementId, never);
    const runtime = openRuntime(home);
    const abort = new AbortController();
    const hints: number[] = [];
    const watching = runtime.watch((id) => id === placement.placementId && hints.push(performance.now()), abort.signal);
    // The quickest of three: what the machine is busy with is no property of the watch.
    const seenMs: number[] = [];
    for (let round = 0; round < 3; round++) {
      await until("ready", async () => (await runtime.observe(placement)).nodes[0]?.state === "running");
      const { pid } = await askEcho(runtime, placement, "echo-0");
      const killedAt = performance.now();
      process.kill(pid, "SIGKILL");
      const seenAt = await until("a hint", async () => hints.find((at) => at > killedAt));
      seenMs.push(seenAt - killedAt);
      const isOver = async () => (await runtime.observe(placement)).nodes[0]?.state === "failed";
      await until("its end", isOver);
      expect((await runtime.observe(placement)).nodes).toMatchObject([{ state: "failed", reason: "exited" }]);
      if (round < 2) await converge(runtime, placement, await wish(runtime, placement), 2n);
    }
    expect(Math.min(...seenMs)).toBeLessThan(1000);
    abort.abort();
    await watching;
    await runtime.destroy(placement, { volumes: true, fence: 2n });
  });

  it("ends what it finds when the state file is lost, and starts exactly one", async () => {
    const placement = newPlacement();
    await runWorker(home, placement.placementId, never);
    await rm(`${home}/placements/${placement.placementId.replace("_", "-")}/state.json`);
    const runtime = openRuntime(home);
    await converge(runtime, placement, await wish(runtime, placement), 2n);
    expect(listPrograms(home, placement.placementId)).toHaveLength(2);
    await runtime.destroy(placement, { volumes: true, fence: 2n });
  });

  it("lets many writers of one fence make one program", async () => {
    const placement = newPlacement();
    const runtimes = Array.from({ length: 6 }, () => openRuntime(home));
    const [first] = runtimes;
    if (!first) throw new Error("no runtime");
    const blueprint = await wish(first, placement);
    await Promise.all([
      ...runtimes.map((runtime) => converge(runtime, placement, blueprint, 2n)),
      ...[1, 2].map(() => runWorker(home, placement.placementId, never, 2)),
    ]);
    const events = await eventsOf(first, placement, "echo-0");
    expect([countOf(events, "start main"), countOf(events, "start second"), countOf(events, "job setup")]).toEqual([
      1, 1, 1,
    ]);
    await first.destroy(placement, { volumes: true, fence: 2n });
  });
});
