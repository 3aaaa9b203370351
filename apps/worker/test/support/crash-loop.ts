import { expect } from "vitest";
import { type FakePlane, runningNodes } from "./fake-plane.ts";
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
 * over once the leases have run out. Answers how many places there were.
 */
export const crashEverywhere = async (plane: FakePlane, testCase: CrashCase): Promise<number> => {
  for (let index = 0; ; index++) {
    const chain = await testCase.wish();
    const gate = crashAt(index);
    if (!(await runUntilCrash(plane, gate))) {
      await testCase.check(chain, "nowhere");
      expect(index).toBe(gate.count());
      return index;
    }
    const at = `${index}, ${gate.at()}`;
    const atCrash = runningNodes(plane, chain);
    await settle(plane, plane.worker(openGate));
    await checkPromises(plane, chain, `crash ${at}`);
    expect(atCrash.length, at).toBeGreaterThanOrEqual(0);
    await testCase.check(chain, at);
  }
};
