import { describe, expect, it } from "vitest";
import { echoNode, toBlueprint, toSpecs } from "./blueprints.ts";
import { type ConformanceHarness, converge, countOf, eventsOf } from "./harness.ts";
import { openScene } from "./scene.ts";

export const dataTests = (open: () => Promise<ConformanceHarness>): void => {
  describe("data", () => {
    const scene = openScene(open);

    it("keeps volumes and addresses when nodes are removed without them", async () => {
      const { placement, addresses } = await scene.place("echo-0");
      const blueprint = toBlueprint(placement, [echoNode(addresses, "echo-0")]);
      await converge(scene.runtime(), placement, blueprint, 1n);
      await scene.runtime().destroy(placement, { volumes: false, fence: 1n });
      expect(await scene.runtime().observe(placement)).toEqual({ nodes: [], volumes: ["echo-0/data"] });
      expect(await scene.harness().countPrograms(placement)).toBe(0);
      expect(await scene.runtime().reserve(placement, toSpecs("echo-0"), 1n)).toEqual(addresses);
      await converge(scene.runtime(), placement, blueprint, 1n);
      expect(countOf(await eventsOf(scene.runtime(), placement, "echo-0"), "start")).toBe(2);
    });

    it("removes a node that was dropped, but not its volume", async () => {
      const { placement, addresses } = await scene.place("echo-0", "echo-1");
      const [zero, one] = [echoNode(addresses, "echo-0"), echoNode(addresses, "echo-1")];
      await converge(scene.runtime(), placement, toBlueprint(placement, [zero, one]), 1n);
      await converge(scene.runtime(), placement, toBlueprint(placement, [zero]), 1n);
      expect(await scene.harness().countPrograms(placement, "echo-1")).toBe(0);
      const { nodes, volumes } = await scene.runtime().observe(placement);
      expect([nodes.map(({ node, incarnation }) => [node, incarnation]), volumes]).toEqual([
        [["echo-0", 1]],
        ["echo-0/data", "echo-1/data"],
      ]);
      await converge(scene.runtime(), placement, toBlueprint(placement, [zero, one]), 1n);
      expect(countOf(await eventsOf(scene.runtime(), placement, "echo-1"), "start")).toBe(2);
    });

    it("lists what carries its label", async () => {
      const { placement, addresses } = await scene.place("echo-0");
      await converge(scene.runtime(), placement, toBlueprint(placement, [echoNode(addresses, "echo-0")]), 1n);
      const mine = (await scene.harness().open().inventory()).filter(
        ({ placementId, kind }) => placementId === placement.placementId && kind !== "namespace",
      );
      expect(new Set(mine.map(({ node }) => node))).toEqual(new Set(["echo-0"]));
      expect(mine.filter(({ kind }) => kind === "program")).toHaveLength(1);
      expect(mine.filter(({ kind }) => kind === "volume").map(({ name }) => name)).toEqual(["data"]);
    });
  });
};
