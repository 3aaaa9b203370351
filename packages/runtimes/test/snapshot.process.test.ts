import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
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
    // What somebody says of its size is not taken for it.
    const other = { name, digest, sizeBytes: sizeBytes + 1 };
    await expect(runtime.stage(placement, store, other, 1n)).rejects.toMatchObject({ code: "backup.damaged" });
    await runtime.stage(placement, store, { name, digest, sizeBytes }, 1n);
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
      code: "backup.missing",
    });
    expect(
      await readdir(join(home, "placements", placement.placementId.replace("_", "-"), "echo-0", "volumes")),
    ).toEqual(["data"]);
    await converge(runtime, placement, blueprint, 1n);
    expect(await eventsOf(runtime, placement, "echo-0")).not.toContain("tampered");
  });

  it("publishes whole copies only, and restores whole, wherever the worker dies", async () => {
    const runtime = openRuntime(home);
    const own = newPlacement();
    const store = { kind: "directory", path } as const;
    const addresses = await runtime.reserve(own, toSpecs("echo-0", "echo-1"), 1n);
    const nodes = ["echo-0", "echo-1"].map((name) => echoNode(addresses, name));
    const blueprint = toBlueprint(own, nodes);
    const [zero] = nodes;
    if (zero === undefined) throw new Error("no node");
    await converge(runtime, own, toBlueprint(own, [zero]), 1n);
    await runtime.stop(own, 1n);

    /** Every checkpoint of `work` is a crash once, in a runtime of its own; then it is done by the next. */
    const dieEverywhere = async (
      work: (victim: ReturnType<typeof openRuntime>) => Promise<unknown>,
      check: () => void,
    ) => {
      for (let index = 0; ; index++) {
        let count = 0;
        let isDead = false;
        const victim = openRuntime(home, {
          checkpoint: () => {
            isDead ||= count++ === index;
            if (isDead) throw new Error("crash");
          },
        });
        const failure = await work(victim).then(
          () => null,
          (error: unknown) => error,
        );
        if (!isDead) {
          expect(failure).toBeNull();
          return index;
        }
        check();
      }
    };
    const id = "bkp_0000000000000000000000000b";
    const copy = join(path, toName(id), toName(own.placementId));
    const places = await dieEverywhere(
      (victim) => victim.snapshot(own, store, id, 1n),
      () => expect(existsSync(copy)).toBe(false),
    );
    expect(places).toBeGreaterThanOrEqual(3);
    expect(existsSync(`${copy}.part`)).toBe(false);
    const { digest } = await runtime.snapshot(own, store, id, 1n);

    // A node that came later has a volume that the snapshot lacks.
    await converge(runtime, own, blueprint, 1n);
    await converge(runtime, own, blueprint, 1n);
    await runtime.stop(own, 1n);
    expect((await runtime.observe(own)).volumes).toEqual(["echo-0/data", "echo-1/data"]);
    await runtime.stage(own, store, { name: id, digest }, 1n);
    expect((await runtime.observe(own)).volumes).toEqual(["echo-0/data", "echo-1/data"]);
    const swaps = await dieEverywhere(
      (victim) => victim.restore(own, store, { name: id, digest }, 1n),
      () => undefined,
    );
    expect(swaps).toBeGreaterThanOrEqual(2);
    expect((await runtime.observe(own)).volumes).toEqual(["echo-0/data"]);
    expect(readdirSync(join(home, "restores"))).toEqual([]);
    await converge(runtime, own, blueprint, 1n);
    expect(countOf(await eventsOf(runtime, own, "echo-0"), "start")).toBe(2);
    await runtime.stop(own, 1n);

    // What was laid ready and not wanted any more goes with the next start.
    await runtime.stage(own, store, { name: id, digest }, 1n);
    await converge(runtime, own, blueprint, 1n);
    expect(readdirSync(join(home, "restores"))).toEqual([]);
    await runtime.stop(own, 1n);

    const manifest = join(copy, "manifest.json");
    const text = readFileSync(manifest, "utf8");
    writeFileSync(manifest, text.replace(/"mode":\d+/, '"mode":511'));
    await expect(runtime.stage(own, store, { name: id, digest }, 1n)).rejects.toMatchObject({ code: "backup.damaged" });
    const tooSmall = { ...store, maxBytes: 1 };
    const other = "bkp_0000000000000000000000000c";
    await expect(runtime.snapshot(own, tooSmall, other, 1n)).rejects.toMatchObject({ code: "backup.too_large" });
    expect(readdirSync(join(path, toName(other)))).toEqual([]);
    for (const name of [id, other]) {
      await runtime.removeSnapshot(own.placementId, store, name);
      await runtime.removeSnapshot(own.placementId, store, name);
      expect(existsSync(join(path, toName(name)))).toBe(false);
    }
    await runtime.destroy(own, { volumes: true, fence: 1n });
  });
});
