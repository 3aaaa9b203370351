import type { FakePlane } from "./fake-plane.ts";
import { Crash, crashAt, openGate } from "./intercept.ts";
import { checkPromises } from "./promises.ts";
import { settle } from "./settle.ts";
import type { TestChain } from "./wishes.ts";

export interface CrashCase {
  /** Brings the plane to where the wish is made, and makes it. */
  wish(): Promise<TestChain>;
  /** Called with everything quiet again. `at`: where the worker died. */
  check(chain: TestChain, at: string): Promise<void>;
}

/** Passes until the worker dies. False: it did not. */
const runUntilCrash = async (plane: FakePlane, gate: ReturnType<typeof crashAt>): Promise<boolean> => {
  try {
    await settle(plane, plane.worker(gate.gate));
  } catch (error) {
    if (!(error instanceof Crash) && gate.at() === null) throw error;
  }
  return gate.at() !== null;
};

/**
 * Kills the worker before and after every effect that a clean run has, one run each; every time another worker takes
 * over once the leases have run out. Answers how many places were tried. `stride`: only every so many-th place, unless
 * PORTOLAN_CRASHES=all.
 */
export const crashEverywhere = async (plane: FakePlane, testCase: CrashCase, stride = 1): Promise<number> => {
  const step = process.env["PORTOLAN_CRASHES"] === "all" ? 1 : stride;
  for (let index = 0; ; index += step) {
    const chain = await testCase.wish();
    const gate = crashAt(index);
    if (!(await runUntilCrash(plane, gate))) {
      await testCase.check(chain, "nowhere");
      return Math.floor(index / step);
    }
    const at = `${index}, ${gate.at()}`;
    await settle(plane, plane.worker(openGate));
    await checkPromises(plane, chain, `crash ${at}`);
    await testCase.check(chain, at);
  }
};
