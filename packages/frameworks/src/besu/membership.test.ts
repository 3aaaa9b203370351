import { expect, test } from "vitest";
import { type Membership, planMembership } from "./membership.ts";

const address = (ordinal: number): string => `0x${String(ordinal).padStart(40, "0")}`;
const names = new Map(Array.from({ length: 10 }, (_, ordinal) => [address(ordinal), `validator-${ordinal}`]));

const plan = (wish: { inForce: number[]; wished: number[]; down?: number[]; unready?: number[] }): Membership =>
  planMembership({
    inForce: wish.inForce.map(address),
    wished: new Map(wish.wished.map((ordinal) => [`validator-${ordinal}`, address(ordinal)])),
    names,
    isWell: (node) => !(wish.down ?? []).some((ordinal) => node === `validator-${ordinal}`),
    isReady: (node) =>
      ![...(wish.down ?? []), ...(wish.unready ?? [])].some((ordinal) => node === `validator-${ordinal}`),
  });
const changes = (membership: Membership): string[] =>
  membership.changes.map(({ kind, name }) => `${kind === "add" ? "+" : "-"}${name?.split("-")[1]}`);

test("nothing is to be done where those in force are those that are wished", () => {
  expect(plan({ inForce: [0, 1, 2, 3], wished: [0, 1, 2, 3] })).toMatchObject({ changes: [] });
});

test("the dead go first, then others come, then the living go", () => {
  const both = plan({ inForce: [0, 1, 2, 3, 4], wished: [2, 3, 4, 5, 6], down: [1] });
  expect(changes(both)).toEqual(["-1", "+5", "+6", "-0"]);
  expect(both.obstacle).toBeUndefined();
  expect(both.voters).toEqual(["validator-0", "validator-2", "validator-3", "validator-4"]);
});

test("who has not the whole chain comes after those that have, and is waited for", () => {
  const late = plan({ inForce: [0, 1, 2, 3], wished: [0, 1, 2, 3, 4, 5], unready: [4] });
  expect(changes(late)).toEqual(["+5", "+4"]);
  const alone = plan({ inForce: [0, 1, 2, 3], wished: [0, 1, 2, 4], unready: [4] });
  expect(changes(alone)).toEqual(["+4", "-3"]);
  expect(alone.obstacle).toEqual({ kind: "sync", node: "validator-4" });
});

test.each([
  // A dead one may go, a living one beside it too while two of three stay; nothing goes on without blocks.
  [{ inForce: [0, 1, 2, 3], wished: [0, 1, 3], down: [3] }, undefined],
  [{ inForce: [0, 1, 2, 3], wished: [0, 1, 3], down: [0, 3] }, "held"],
  [{ inForce: [0, 1, 2, 3], wished: [0, 1, 2, 3, 4], down: [3] }, undefined],
  [{ inForce: [0, 1, 2, 3, 4], wished: [0, 1, 2, 3, 4, 5], down: [3, 4] }, "held"],
  [{ inForce: [0, 1, 2, 3, 4, 5, 6], wished: [2, 3, 4, 5, 6], down: [5, 6] }, undefined],
  [{ inForce: [0, 1, 2, 3, 4, 5, 6], wished: [3, 4, 5, 6], down: [3, 4, 5, 6] }, "held"],
  // With a seventh five are needed, and of six only four would be well without the dead one's successor.
  [{ inForce: [0, 1, 2, 3, 4, 5], wished: [0, 1, 2, 3, 4, 5, 6], down: [4, 5] }, undefined],
  [{ inForce: [0, 1, 2, 3, 4, 5], wished: [1, 2, 3, 4, 5], down: [4, 5] }, "held"],
])("%o is %s", (wish, kind) => {
  expect(plan(wish).obstacle?.kind).toBe(kind);
});

test("an address that no node of the plane has is voted out under its own name", () => {
  const stranger = `0x${"ee".repeat(20)}`;
  const found = planMembership({
    ...{ inForce: [address(0), address(1), address(2), stranger], names },
    wished: new Map([0, 1, 2].map((ordinal) => [`validator-${ordinal}`, address(ordinal)])),
    isWell: () => true,
    isReady: () => true,
  });
  expect(found.changes).toEqual([{ kind: "remove", address: stranger }]);
  expect(found.obstacle).toBeUndefined();
});
