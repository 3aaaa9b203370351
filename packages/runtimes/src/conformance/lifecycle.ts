import { toNodeHash } from "@portolan/domain";
import { describe, expect, it } from "vitest";
import { echoNode, newPlacement, secrets, toBlueprint, toSpecs } from "./blueprints.ts";
import { askEcho, type ConformanceHarness, converge, countOf, eventsOf, until } from "./harness.ts";
import { openScene } from "./scene.ts";

export const lifecycleTests = (open: () => Promise<ConformanceHarness>): void => {
  describe("lifecycle", () => {
    const scene = openScene(open);

    it("reserves the same addresses again, and shares none between placements", async () => {
      const { placement, addresses } = await scene.place("echo-0", "echo-1");
      expect(addresses).toHaveLength(4);
      expect(await scene.harness().open().reserve(placement, toSpecs("echo-0", "echo-1"), 1n)).toEqual(addresses);
      const others = await Promise.all(Array.from({ length: 8 }, () => scene.place("echo-0", "echo-1")));
      const all = [addresses, ...others.map((other) => other.addresses)]
        .flat()
        .map(({ host, number }) => `${host}:${number}`);
      expect(new Set(all).size).toBe(all.length);
    });

    it("sees nothing where nothing was applied", async () => {
      expect(await scene.runtime().observe(newPlacement())).toEqual({ nodes: [], volumes: [] });
      await expect(scene.runtime().dial(newPlacement(), "echo-0", "http")).rejects.toMatchObject({
        code: "region.unreachable",
      });
    });

    it("starts a node once, however often it is applied", async () => {
      const { placement, addresses } = await scene.place("echo-0");
      const blueprint = toBlueprint(placement, [echoNode(addresses, "echo-0")]);
      const [first] = await converge(scene.runtime(), placement, blueprint, 1n);
      expect(first).toMatchObject({ state: "running", incarnation: 1, restarts: 0, rendererVersion: 1 });
      expect(first?.appliedHash).toBe(blueprint.nodes[0] && toNodeHash(blueprint.nodes[0]));
      const { run } = await askEcho(scene.runtime(), placement, "echo-0");
      await scene.harness().open().apply(placement, blueprint, secrets, 1n);
      await scene.runtime().apply(placement, { ...blueprint, rendererVersion: 2 }, secrets, 1n);
      expect((await scene.runtime().observe(placement)).nodes).toMatchObject([
        { state: "running", incarnation: 1, rendererVersion: 2 },
      ]);
      expect((await askEcho(scene.runtime(), placement, "echo-0")).run).toBe(run);
      expect(await scene.harness().countPrograms(placement)).toBe(1);
    });

    it("replaces a node whose blueprint changed, with its stop signal", async () => {
      const { placement, addresses } = await scene.place("echo-0");
      const node = echoNode(addresses, "echo-0");
      await converge(scene.runtime(), placement, toBlueprint(placement, [node]), 1n);
      const changed = toBlueprint(placement, [{ ...node, version: "2" }]);
      const [seen] = await converge(scene.runtime(), placement, changed, 1n);
      expect(seen).toMatchObject({
        incarnation: 2,
        restarts: 0,
        appliedHash: changed.nodes[0] && toNodeHash(changed.nodes[0]),
      });
      expect((await eventsOf(scene.runtime(), placement, "echo-0")).map((event) => event.split(" ")[0])).toEqual([
        "start",
        "stop",
        "start",
      ]);
      expect(await scene.harness().countPrograms(placement)).toBe(1);
    });

    it("sees a killed program and starts it again", async () => {
      const { placement, addresses } = await scene.place("echo-0");
      const blueprint = toBlueprint(placement, [echoNode(addresses, "echo-0")]);
      await converge(scene.runtime(), placement, blueprint, 1n);
      const abort = new AbortController();
      const hints: { placementId: string; at: number }[] = [];
      const watching = scene
        .runtime()
        .watch((placementId) => hints.push({ placementId, at: performance.now() }), abort.signal);
      const killedAt = performance.now();
      await scene.harness().kill(placement, "echo-0", "main");
      const seen = await until("a hint and a failed node", async () => {
        const hint = hints.find((one) => one.placementId === placement.placementId && one.at >= killedAt);
        const [node] = (await scene.runtime().observe(placement)).nodes;
        // Where it is started again at once, its failure may have passed already.
        return hint && (node?.state === "failed" || node?.incarnation === 2) && { at: hint.at, node };
      });
      // The probe's period is 500 ms.
      expect(seen.at - killedAt).toBeLessThan(scene.harness().noticeMs ?? 1500);
      if (seen.node.state === "failed") expect(seen.node.reason).toBe("exited");
      const [back] = await converge(scene.runtime(), placement, blueprint, 1n);
      expect(back).toMatchObject({ state: "running", incarnation: 2, restarts: 1 });
      expect(await scene.harness().countPrograms(placement)).toBe(1);
      abort.abort();
      await watching;
    });

    it("changes only the nodes it may", async () => {
      const { placement, addresses } = await scene.place("echo-0", "echo-1");
      const [zero, one] = [echoNode(addresses, "echo-0"), echoNode(addresses, "echo-1")];
      await scene.runtime().apply(placement, toBlueprint(placement, [zero, one]), secrets, 1n, ["echo-0"]);
      expect(await scene.harness().countPrograms(placement, "echo-1")).toBe(0);
      expect((await scene.runtime().observe(placement)).nodes.map(({ node }) => node)).toEqual(["echo-0"]);
      await converge(scene.runtime(), placement, toBlueprint(placement, [zero, one]), 1n);
      const changed = toBlueprint(placement, [
        { ...zero, version: "2" },
        { ...one, version: "2" },
      ]);
      await scene.runtime().apply(placement, changed, secrets, 1n, ["echo-1"]);
      const { nodes } = await scene.runtime().observe(placement);
      expect(nodes.map(({ incarnation }) => incarnation)).toEqual([1, 2]);
      expect(nodes[0]?.appliedHash).toBe(toNodeHash(zero));
    });

    it("stops, stays stopped, and starts again", async () => {
      const { placement, addresses } = await scene.place("echo-0");
      const blueprint = toBlueprint(placement, [echoNode(addresses, "echo-0")]);
      await converge(scene.runtime(), placement, blueprint, 1n);
      await scene.runtime().stop(placement, 1n);
      await scene.runtime().stop(placement, 1n);
      expect(await scene.harness().countPrograms(placement)).toBe(0);
      expect(await scene.runtime().observe(placement)).toMatchObject({
        nodes: [{ state: "stopped" }],
        volumes: ["echo-0/data"],
      });
      await converge(scene.runtime(), placement, blueprint, 1n);
      const events = await eventsOf(scene.runtime(), placement, "echo-0");
      expect([countOf(events, "start"), countOf(events, "stop main SIGTERM")]).toEqual([2, 1]);
    });

    it("destroys completely, and what is not there too", async () => {
      const { placement, addresses } = await scene.place("echo-0");
      await converge(scene.runtime(), placement, toBlueprint(placement, [echoNode(addresses, "echo-0")]), 1n);
      await scene.runtime().destroy(placement, { volumes: true, fence: 1n });
      expect(await scene.runtime().observe(placement)).toEqual({ nodes: [], volumes: [] });
      expect(
        (await scene.runtime().inventory()).filter(({ placementId }) => placementId === placement.placementId),
      ).toEqual([]);
      expect(await scene.harness().countPrograms(placement)).toBe(0);
      await scene.runtime().destroy(placement, { volumes: true, fence: 1n });
      await scene.runtime().destroy(newPlacement(), { volumes: true, fence: 1n });
    });

    it("refuses every writer with a lower fence, after the end as well", async () => {
      const { placement, addresses } = await scene.place("echo-0");
      const blueprint = toBlueprint(placement, [echoNode(addresses, "echo-0")]);
      await converge(scene.harness().open(), placement, blueprint, 7n);
      const stale = { code: "runtime.fence_stale" };
      const writes = () => [
        scene.runtime().reserve(placement, toSpecs("echo-0"), 6n),
        scene.runtime().apply(placement, blueprint, secrets, 6n),
        scene.runtime().stop(placement, 6n),
        scene.runtime().destroy(placement, { volumes: true, fence: 6n }),
      ];
      for (const write of writes()) await expect(write).rejects.toMatchObject(stale);
      expect(await scene.harness().countPrograms(placement)).toBe(1);
      await scene.runtime().destroy(placement, { volumes: true, fence: 7n });
      for (const write of writes()) await expect(write).rejects.toMatchObject(stale);
      expect(await scene.harness().countPrograms(placement)).toBe(0);
    });
  });
};
