import { rm } from "node:fs/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { echoNode, newPlacement, once, secrets, serve, toBlueprint, toSpecs } from "../src/conformance/blueprints.ts";
import { until } from "../src/conformance/harness.ts";
import { listPrograms, makeHome, openRuntime } from "./process-harness.ts";

describe("watch", () => {
  let home = "";
  const placement = newPlacement();
  beforeAll(async () => {
    home = await makeHome();
  });
  afterAll(async () => {
    await openRuntime(home).destroy(placement, { volumes: true, fence: 9n });
    await rm(home, { recursive: true, force: true });
  });

  it("hints whenever another apply has something to do: predecessors, jobs, waiting nodes, back-off", async () => {
    const runtime = openRuntime(home);
    const addresses = await runtime.reserve(placement, toSpecs("echo-0", "echo-1"), 1n);
    const second = serve(addresses, "echo-0", { name: "second", port: "side", after: ["main"] });
    const zero = echoNode(addresses, "echo-0", {
      processes: [serve(addresses, "echo-0"), second],
      jobs: [once("setup")],
    });
    const blueprint = toBlueprint(placement, [zero, echoNode(addresses, "echo-1", { startAfter: ["echo-0"] })]);

    // A reconciler that lives from hints alone.
    let turn = Promise.resolve();
    let applies = 0;
    const apply = () => {
      applies += 1;
      turn = turn.then(() => runtime.apply(placement, blueprint, secrets, 1n));
    };
    const abort = new AbortController();
    const watching = runtime.watch(apply, abort.signal);
    apply();
    const allRun = () =>
      until("both nodes running", async () => {
        const { nodes } = await runtime.observe(placement);
        return nodes.length === 2 && nodes.every(({ state }) => state === "running") && nodes;
      });
    await allRun();
    expect(applies).toBeLessThan(30);

    for (const name of ["main", "second"]) {
      const found = listPrograms(home, placement.placementId).find(
        ({ node, process }) => node === "echo-0" && process === name,
      );
      process.kill(found?.pid ?? 0, "SIGKILL");
      await until("a failed node", async () => (await runtime.observe(placement)).nodes[0]?.state === "failed");
      await allRun();
    }
    expect((await allRun())[0]).toMatchObject({ restarts: 2 });
    // Its own writes are seen by the tick once; after that a well placement is quiet.
    await until("a quiet time", async () => {
      const quietFrom = applies;
      await new Promise((resolve) => setTimeout(resolve, 1500));
      return applies - quietFrom <= 2;
    });
    abort.abort();
    await watching;
    await turn;
  });
});
