import { seededRandom } from "@portolan/testing";
import { expect, test } from "vitest";
import { quorumOf } from "../src/besu/quorum.ts";
import { readSettings } from "../src/besu/settings.ts";
import { validatorOrdinals } from "../src/besu/topology.ts";
import { type BesuPlane, createBesuPlane } from "./besu-plane.ts";
import { besuSpec } from "./besu-spec.ts";

const rounds = 30;

/** Dice of a seed: a number below `sides`. */
const createDice = (seed: number) => {
  const random = seededRandom(seed);
  return (sides: number): number => (random.bytes(1)[0] ?? 0) % sides;
};
type Dice = ReturnType<typeof createDice>;

const pick = <Value>(dice: Dice, values: readonly Value[]): Value | undefined =>
  values[dice(Math.max(1, values.length))];

/** As many die as QBFT survives, also while one is being voted out. */
const killOne = (plane: BesuPlane, dice: Dice): void => {
  const { network } = plane;
  const count = network.state.validators.length;
  if (network.live().length - 1 < quorumOf(count) + 1) return;
  const name = pick(
    dice,
    [...network.nodes.values()].filter(({ isUp }) => isUp),
  )?.name;
  if (name !== undefined) network.stop(name);
};

const reviveOne = async (plane: BesuPlane, dice: Dice): Promise<void> => {
  const node = pick(
    dice,
    [...plane.network.nodes.values()].filter(({ isUp }) => !isUp),
  );
  if (node !== undefined) await plane.network.start(node);
};

/** Another wish, while the one before may still be under way. */
const changeWish = (plane: BesuPlane, dice: Dice): void => {
  const { spec } = plane.state;
  const { retiredValidators, validators = 4 } = readSettings(spec.settings);
  const out = pick(dice, validatorOrdinals(spec));
  const isOut = dice(2) === 0 && out !== undefined && retiredValidators.length < 4;
  plane.change({
    validators: 4 + dice(4),
    ...(isOut && validators > 3 ? { retiredValidators: [...retiredValidators, out] } : {}),
  });
};

const pass = async (plane: BesuPlane, armed: { calls: number; crash: () => void }, dice: Dice): Promise<void> => {
  const controller = new AbortController();
  armed.calls = dice(3) === 0 ? 1 + dice(60) : 0;
  armed.crash = () => controller.abort(new Error("the worker died"));
  await plane.pass(controller.signal).catch((error: unknown) => {
    if (!controller.signal.aborted) throw error;
  });
  armed.calls = 0;
};

test.each([2, 3, 6, 9])(
  "seed %i: whatever dies and whatever is wished, the set follows and never loses its quorum",
  async (seed) => {
    const dice = createDice(seed);
    const armed = { calls: 0, crash: () => {} };
    const plane = await createBesuPlane(
      besuSpec({ validators: 4 + dice(4) }, { regions: seed % 2 === 0 ? ["a", "b"] : ["a"] }),
      {
        epochLength: 40,
        onCall: () => {
          if (armed.calls > 0 && --armed.calls === 0) armed.crash();
        },
      },
    );
    try {
      await plane.settle();
      for (let round = 0; round < rounds; round++) {
        const turn = dice(8);
        if (turn === 0) changeWish(plane, dice);
        else if (turn < 3) killOne(plane, dice);
        else if (turn < 6) await reviveOne(plane, dice);
        await pass(plane, armed, dice);
      }
      for (const node of [...plane.network.nodes.values()]) if (!node.isUp) await plane.network.start(node);
      await plane.settle(150);
      const wished = validatorOrdinals(plane.state.spec).map((ordinal) => `validator-${ordinal}`);
      expect(plane.validators()).toEqual(wished.toSorted());
      expect([...plane.network.nodes.values()].flatMap(({ votes }) => [...votes])).toEqual([]);
      expect(plane.network.state.broken).toEqual([]);
    } finally {
      await plane.network.close();
    }
  },
);
