import { describe, expect, it } from "vitest";
import { append, echoNode, once, secrets, serve, toBlueprint } from "./blueprints.ts";
import { type ConformanceHarness, converge, countOf, eventsOf, InjectedCrash } from "./harness.ts";
import { openScene } from "./scene.ts";

/** Throws at the n-th side effect, and at every later one: whoever crashed does nothing more. */
const crashAt = (n: number) => {
  let count = 0;
  const names: string[] = [];
  const checkpoint = (name: string): void => {
    names.push(name);
    if (count++ >= n) throw new InjectedCrash(name);
  };
  return { checkpoint, names };
};

/** Of an apply's side effects: some are done then, and some are not. */
const inTheMiddle = 4;

export const crashTests = (open: () => Promise<ConformanceHarness>): void => {
  describe("crashes", () => {
    const scene = openScene(open);

    const place = async () => {
      const { placement, addresses } = await scene.place("echo-0");
      const second = serve(addresses, "echo-0", { name: "second", port: "side", after: ["main"] });
      const processes = [serve(addresses, "echo-0"), second];
      const node = echoNode(addresses, "echo-0", { processes, init: [append("init", "init")], jobs: [once("setup")] });
      return { placement, blueprint: toBlueprint(placement, [node]) };
    };

    /** As many at a time as the driver's harness bears. */
    const eachAtOnce = async (places: readonly number[], crash: (place: number) => Promise<void>): Promise<void> => {
      const { crashesAtOnce = 1 } = scene.harness();
      const left = [...places];
      const work = async (): Promise<void> => {
        for (let place = left.shift(); place !== undefined; place = left.shift()) await crash(place);
      };
      await Promise.all(Array.from({ length: crashesAtOnce }, work));
    };

    it("converges after a crash before its side effects, with one program of each", {
      timeout: 900_000,
    }, async () => {
      const whole = await place();
      const counted = crashAt(Number.MAX_SAFE_INTEGER);
      await converge(scene.harness().open({ checkpoint: counted.checkpoint }), whole.placement, whole.blueprint, 1n);
      await scene.runtime().destroy(whole.placement, { volumes: true, fence: 1n });
      expect(counted.names.length).toBeGreaterThan(8);

      const dieAt = async (n: number): Promise<void> => {
        const { placement, blueprint } = await place();
        const broken = crashAt(n);
        await converge(scene.harness().open({ checkpoint: broken.checkpoint }), placement, blueprint, 1n).catch(
          (error: unknown) => {
            if (!(error instanceof InjectedCrash)) throw error;
          },
        );
        await converge(scene.harness().open(), placement, blueprint, 2n);
        const at = `crash at ${counted.names[n]} (${n})`;
        for (const process of ["main", "second"]) {
          expect(await scene.harness().countPrograms(placement, "echo-0", process), at).toBe(1);
        }
        const events = await eventsOf(scene.runtime(), placement, "echo-0");
        expect([countOf(events, "start main"), countOf(events, "start second")], `${at}: ${events}`).toEqual([1, 1]);
        expect(await scene.harness().countPrograms(placement), at).toBe(2);
        await scene.runtime().destroy(placement, { volumes: true, fence: 2n });
      };
      const { crashEvery = 1 } = scene.harness();
      await eachAtOnce(
        [...counted.names.keys()].filter((n) => n % crashEvery === 0),
        dieAt,
      );
    });

    it("finishes a removal that crashed half-way", { timeout: 240_000 }, async () => {
      await eachAtOnce([0, 1, 2, 3, 4, 5], async (n) => {
        const { placement, blueprint } = await place();
        await converge(scene.runtime(), placement, blueprint, 1n);
        const broken = crashAt(n);
        await scene
          .harness()
          .open({ checkpoint: broken.checkpoint })
          .destroy(placement, { volumes: true, fence: 1n })
          .catch((error: unknown) => {
            if (!(error instanceof InjectedCrash)) throw error;
          });
        await scene.harness().open().destroy(placement, { volumes: true, fence: 2n });
        expect(await scene.runtime().observe(placement)).toEqual({ nodes: [], volumes: [] });
        expect(await scene.harness().countPrograms(placement)).toBe(0);
      });
    });

    it("lets a worker with a higher fence take over in the middle", { timeout: 120_000 }, async () => {
      const { placement, blueprint } = await place();
      const newer = scene.harness().open();
      let taken: Promise<unknown> | undefined;
      let count = 0;
      const older = scene.harness().open({
        checkpoint: async () => {
          if (++count !== inTheMiddle) return;
          taken = converge(newer, placement, blueprint, 2n);
          // Time enough for the other's fence to be raised.
          await new Promise((resolve) => setTimeout(resolve, 1000));
        },
      });
      await expect(older.apply(placement, blueprint, secrets, 1n)).rejects.toMatchObject({
        code: "runtime.fence_stale",
      });
      await taken;
      expect(await scene.harness().countPrograms(placement)).toBe(2);
      expect(countOf(await eventsOf(newer, placement, "echo-0"), "start main")).toBe(1);
    });
  });
};
