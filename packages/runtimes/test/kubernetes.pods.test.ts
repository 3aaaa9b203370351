import { appendFile, mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type BlueprintNode, toName } from "@portolan/domain";
import { requireCluster } from "@portolan/testing";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  echoNode,
  newPlacement,
  once,
  secrets,
  secretValue,
  toBlueprint,
  toSpecs,
} from "../src/conformance/blueprints.ts";
import { askEcho, converge, countOf, eventsOf, say, until } from "../src/conformance/harness.ts";
import type { KubernetesRuntime } from "../src/kubernetes/kubernetes-runtime.ts";
import type { PlacementRef } from "../src/runtime.ts";
import { type KubernetesHarness, openKubernetesHarness, toNamespace } from "./kubernetes-harness.ts";
import { makeHome, openRuntime } from "./process-harness.ts";

const required = requireCluster(3);

describe.skipIf(required === undefined)("real pods", () => {
  let harness: KubernetesHarness;
  let runtime: KubernetesRuntime;
  let path = "";
  let watching: Promise<void>;
  const abort = new AbortController();
  const hints: string[] = [];
  const placements: PlacementRef[] = [];

  const place = async (change: (node: BlueprintNode) => BlueprintNode = (node) => node) => {
    const placement = newPlacement();
    placements.push(placement);
    const addresses = await runtime.reserve(placement, toSpecs("echo-0"), 1n);
    const blueprint = toBlueprint(placement, [change(echoNode(addresses, "echo-0"))]);
    return { placement, blueprint, addresses };
  };
  const look = async (placement: PlacementRef) => (await runtime.observe(placement)).nodes[0];
  /** The script in the place of the node's program. */
  const running =
    (script: string) =>
    (node: BlueprintNode): BlueprintNode => ({
      ...node,
      processes: node.processes.map(({ probe: _none, ...process }) => ({ ...process, args: ["-e", script] })),
    });

  beforeAll(async () => {
    if (required === undefined) return;
    harness = await openKubernetesHarness(await required.start());
    runtime = harness.open();
    path = await mkdtemp(join(tmpdir(), "portolan-cluster-backups-"));
    watching = runtime.watch((placementId) => hints.push(placementId), abort.signal);
  });
  afterAll(async () => {
    await Promise.all(placements.map((one) => runtime.destroy(one, { volumes: true, fence: 1_000n })));
    abort.abort();
    await watching;
    await harness?.close();
    await rm(path, { recursive: true, force: true });
  });

  it("counts every pod that came: killed, deleted, deleted again", { timeout: 120_000 }, async () => {
    const { placement, blueprint } = await place();
    await converge(runtime, placement, blueprint, 1n);
    const incarnations: number[] = [];
    const hinted = hints.length;
    for (const turn of [1, 2]) {
      harness.kubectl(["delete", "pod", "echo-0-0", "-n", toNamespace(placement), "--wait=false"]);
      await until("the next pod", async () => {
        const node = await look(placement);
        return node?.incarnation === 1 + turn && node.state === "running";
      });
      incarnations.push((await look(placement))?.incarnation ?? 0);
    }
    expect(incarnations).toEqual([2, 3]);
    expect(hints.slice(hinted)).toContain(placement.placementId);
    // Nothing was applied meanwhile: the next apply writes down what was counted, and another worker knows it.
    expect((await runtime.observe(placement)).isUnsettled).toBe(true);
    await converge(runtime, placement, blueprint, 1n);
    expect((await harness.open().observe(placement)).nodes).toMatchObject([{ incarnation: 3, restarts: 2 }]);
    await harness.kill(placement, "echo-0", "main");
    await until("its restart", async () => (await look(placement))?.incarnation === 4);
  });

  it("names an image that can't be pulled", async () => {
    const scene = await place((node) => ({
      ...node,
      processes: node.processes.map((one) => ({
        ...one,
        program: { ...one.program, image: "127.0.0.1:1/not/there:1" },
      })),
    }));
    await runtime.apply(scene.placement, scene.blueprint, secrets, 1n);
    expect(
      await until("a reason", async () => {
        const node = await look(scene.placement);
        return node?.reason === "image_pull_failed" && node;
      }),
    ).toMatchObject({
      state: "failed",
      message: expect.stringContaining("127.0.0.1:1/not/there:1"),
      hint: expect.any(String),
    });
    // A blueprint that is right again is taken at once.
    const mended = toBlueprint(scene.placement, [echoNode(scene.addresses, "echo-0")]);
    await converge(runtime, scene.placement, mended, 1n);
  });

  it("names want of memory, and what a program said when it died, without its secrets", {
    timeout: 120_000,
  }, async () => {
    const greedy = await place(running("const held = []; setInterval(() => held.push(Buffer.alloc(16 << 20, 1)), 20)"));
    await runtime.apply(greedy.placement, greedy.blueprint, secrets, 1n);
    expect(
      await until("its end", async () => {
        const node = await look(greedy.placement);
        return node?.reason === "memory_exceeded" && node;
      }),
    ).toMatchObject({ state: "failed", hint: expect.stringContaining("plan") });

    const dying = await place((node) => {
      const env = { ECHO_SECRET: { secret: { material: "secret", version: 1 } } };
      const broken = running("console.error('why: ' + process.env.ECHO_SECRET); process.exit(9)")(node);
      return { ...broken, processes: broken.processes.map((one) => ({ ...one, env })) };
    });
    await runtime.apply(dying.placement, dying.blueprint, secrets, 1n);
    const seen = await until("its words", async () => {
      const node = await look(dying.placement);
      return node?.state === "failed" && node.message?.includes("why: ") && node;
    });
    expect(seen).toMatchObject({
      message: expect.stringContaining("code 9"),
      reason: expect.stringMatching(/exited|crash_loop/),
    });
    expect(JSON.stringify(seen)).not.toContain(secretValue);
  });

  it("goes on with a log over a restart", { timeout: 120_000 }, async () => {
    const { placement, blueprint } = await place();
    await converge(runtime, placement, blueprint, 1n);
    await say(runtime, placement, "echo-0", "before");
    const stop = new AbortController();
    const lines: string[] = [];
    const reading = (async () => {
      for await (const { line } of runtime.logs(placement, "echo-0", { follow: true, signal: stop.signal }))
        lines.push(line);
    })();
    await until("the past", async () => lines.includes("before"));
    await harness.kill(placement, "echo-0", "main");
    await until("the next run", async () => lines.filter((line) => line === "started main").length === 2);
    expect(lines.filter((line) => line === "before")).toHaveLength(1);
    stop.abort();
    await reading;
    const all: string[] = [];
    for await (const { line } of runtime.logs(placement, "echo-0", {})) all.push(line);
    expect(all.filter((line) => line === "started main")).toHaveLength(2);
  });

  it("copies a stopped placement's data, puts it back whole or not at all, also where all was lost", {
    timeout: 300_000,
  }, async () => {
    const store = { kind: "directory", path } as const;
    const name = "bkp_0000000000000000000000000a";
    const { placement, addresses } = await place();
    const node = echoNode(addresses, "echo-0", {
      jobs: [once("setup")],
      volumes: [{ name: "data", kind: "data", sizeBytes: 64 << 20 }],
    });
    const fill =
      "const fs = require('node:fs'); const d = process.argv[1]; fs.mkdirSync(d + '/deep/er', { recursive: true }); fs.chmodSync(d + '/deep', 0o710); fs.writeFileSync(d + '/deep/er/large', require('node:crypto').randomBytes(12 << 20)); fs.writeFileSync(d + '/deep/empty', ''); fs.chmodSync(d + '/deep/empty', 0o640)";
    const filler = { ...once("fill"), args: ["-e", fill, { volume: "data" }] };
    const blueprint = toBlueprint(placement, [{ ...node, jobs: [...node.jobs, filler] }]);
    await converge(runtime, placement, blueprint, 1n);
    await expect(runtime.snapshot(placement, store, name, 1n)).rejects.toMatchObject({ code: "resource.conflict" });
    await runtime.stop(placement, 1n);
    const facts = await runtime.snapshot(placement, store, name, 1n);
    expect(facts).toMatchObject({ files: 3 });
    expect(await runtime.snapshot(placement, store, name, 1n)).toEqual(facts);
    const copy = join(path, toName(name), toName(placement.placementId));
    const manifest = JSON.parse(await readFile(join(copy, "manifest.json"), "utf8"));
    expect(manifest.directories).toContainEqual({ path: "echo-0/data/deep", mode: 0o710 });
    expect(manifest.files).toContainEqual(
      expect.objectContaining({ path: "echo-0/data/deep/empty", mode: 0o640, sizeBytes: 0 }),
    );
    await expect(
      runtime.snapshot(placement, { ...store, maxBytes: 1 }, "bkp_0000000000000000000000000b", 1n),
    ).rejects.toMatchObject({ code: "backup.too_large" });

    // Laid ready and not wanted any more: the next start clears it away.
    const snapshot = { name, digest: facts.digest };
    await runtime.stage(placement, store, snapshot, 1n);
    await converge(runtime, placement, blueprint, 1n);
    expect(countOf(await eventsOf(runtime, placement, "echo-0"), "start")).toBe(2);
    await runtime.stop(placement, 1n);

    // As after the loss of the cluster: volumes and all that is known of them are gone.
    await runtime.destroy(placement, { volumes: true, fence: 1n });
    await runtime.reserve(placement, toSpecs("echo-0"), 1n);
    await runtime.restore(placement, store, snapshot, 1n);
    const again = await runtime.reserve(placement, toSpecs("echo-0"), 1n);
    const anew = toBlueprint(placement, [
      { ...echoNode(again, "echo-0"), jobs: [...node.jobs, filler], volumes: node.volumes },
    ]);
    await converge(runtime, placement, anew, 1n);
    const events = await eventsOf(runtime, placement, "echo-0");
    expect([countOf(events, "start"), countOf(events, "job setup")]).toEqual([2, 1]);
    await runtime.stop(placement, 1n);

    // A worker that dies in the middle of it, wherever.
    for (let index = 0; ; index++) {
      let count = 0;
      let isDead = false;
      const victim = harness.open({
        checkpoint: () => {
          isDead ||= count++ === index * 3;
          if (isDead) throw new Error("crash");
        },
      });
      const failure = await victim.restore(placement, store, snapshot, 1n).then(
        () => null,
        (error: unknown) => error,
      );
      if (isDead) continue;
      expect(failure).toBeNull();
      break;
    }
    await converge(runtime, placement, anew, 1n);
    expect(countOf(await eventsOf(runtime, placement, "echo-0"), "start")).toBe(2);
    await runtime.stop(placement, 1n);

    // The same copy in the other runtime.
    const home = await makeHome();
    const processes = openRuntime(home);
    const local = await processes.reserve(placement, toSpecs("echo-0"), 1n);
    await processes.restore(placement, store, snapshot, 1n);
    await converge(
      processes,
      placement,
      toBlueprint(placement, [{ ...echoNode(local, "echo-0"), jobs: anew.nodes[0]?.jobs ?? [] }]),
      1n,
    );
    const there = await eventsOf(processes, placement, "echo-0");
    expect([countOf(there, "start"), countOf(there, "job setup")]).toEqual([2, 1]);
    await processes.destroy(placement, { volumes: true, fence: 1n });
    await rm(home, { recursive: true, force: true });

    await appendFile(join(copy, "data", "echo-0", "data", "events"), "tampered\n");
    await expect(runtime.restore(placement, store, snapshot, 1n)).rejects.toMatchObject({ code: "backup.damaged" });
    await converge(runtime, placement, anew, 1n);
    expect(await eventsOf(runtime, placement, "echo-0")).not.toContain("tampered");
    expect(await askEcho(runtime, placement, "echo-0")).toMatchObject({ name: "main" });
    await runtime.removeSnapshot(placement.placementId, store, name);
    expect(await readdir(path)).not.toContain(toName(name));
  });
});
