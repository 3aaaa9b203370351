import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { toName } from "@portolan/domain";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { echoNode, newPlacement, once, toBlueprint, toSpecs } from "../src/conformance/blueprints.ts";
import { converge, countOf, eventsOf } from "../src/conformance/harness.ts";
import { makeHome, openRuntime } from "./process-harness.ts";

describe("snapshots", () => {
  let home = "";
  let path = "";
  const placement = newPlacement();
  beforeAll(async () => {
    home = await makeHome();
    path = await mkdtemp(join(tmpdir(), "portolan-snapshots-"));
  });
  afterAll(async () => {
    await openRuntime(home).destroy(placement, { volumes: true, fence: 9n });
    await rm(home, { recursive: true, force: true });
    await rm(path, { recursive: true, force: true });
  });

  it("copies a stopped placement's data, and puts it back whole or not at all", async () => {
    const runtime = openRuntime(home);
    const store = { kind: "directory", path } as const;
    const name = "bkp_0000000000000000000000000a";
    const addresses = await runtime.reserve(placement, toSpecs("echo-0"), 1n);
    const blueprint = toBlueprint(placement, [echoNode(addresses, "echo-0", { jobs: [once("setup")] })]);
    await converge(runtime, placement, blueprint, 1n);
    await expect(runtime.snapshot(placement, store, name, 1n)).rejects.toMatchObject({
      code: "resource.conflict",
      hint: "Stop the placement first.",
    });
    await runtime.stop(placement, 1n);
    const { sizeBytes, files, digest } = await runtime.snapshot(placement, store, name, 1n);
    expect(sizeBytes).toBeGreaterThan(10);
    expect(files).toBeGreaterThan(0);
    // The answer was lost: the same is asked again.
    expect(await runtime.snapshot(placement, store, name, 1n)).toEqual({ sizeBytes, files, digest });
    await converge(runtime, placement, blueprint, 1n);
    await expect(runtime.restore(placement, store, { name, digest }, 1n)).rejects.toMatchObject({
      code: "resource.conflict",
    });
    expect(countOf(await eventsOf(runtime, placement, "echo-0"), "start")).toBe(2);

    // As after the loss of the machine: volumes and all that is known of them are gone.
    await runtime.destroy(placement, { volumes: true, fence: 1n });
    await runtime.reserve(placement, toSpecs("echo-0"), 1n);
    await runtime.restore(placement, store, { name, digest }, 1n);
    await converge(runtime, placement, blueprint, 1n);
    const events = await eventsOf(runtime, placement, "echo-0");
    expect([countOf(events, "start"), countOf(events, "job setup")]).toEqual([2, 1]);
    await runtime.stop(placement, 1n);

    const copy = join(path, toName(name), toName(placement.placementId));
    const file = join(copy, "data", "echo-0", "data", "events");
    await writeFile(file, `${await readFile(file, "utf8")}tampered\n`);
    await expect(runtime.restore(placement, store, { name, digest }, 1n)).rejects.toMatchObject({
      message: expect.stringContaining("damaged"),
    });
    await expect(runtime.restore(placement, store, { name: "../elsewhere" }, 1n)).rejects.toMatchObject({
      code: "runtime.failed",
    });
    await expect(runtime.restore(placement, store, { name: "nothing" }, 1n)).rejects.toMatchObject({
      code: "backup.damaged",
    });
    expect(
      await readdir(join(home, "placements", placement.placementId.replace("_", "-"), "echo-0", "volumes")),
    ).toEqual(["data"]);
    await converge(runtime, placement, blueprint, 1n);
    expect(await eventsOf(runtime, placement, "echo-0")).not.toContain("tampered");
  });
});
