import { seededRandom } from "@portolan/testing";

/** Numbers from 0 up to 1, the same for the same seed. */
export const seededDraw = (seed: number): (() => number) => {
  const random = seededRandom(seed);
  return () => new DataView(random.bytes(4).buffer).getUint32(0) / 2 ** 32;
};

/** From the environment to replay a run, otherwise a new one; tests print it in their names. */
export const seedOfRun = (): number => Number(process.env["PORTOLAN_SEED"] ?? Date.now() % 1_000_000);
