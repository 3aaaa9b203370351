import { expect, test } from "vitest";
import type { NodeChannel } from "../facts.ts";
import { maxLag, type Neighbour, ordererTrouble, peerTrouble } from "./judge.ts";

const node = (name: string, main: Partial<NodeChannel> | undefined): Neighbour => ({
  name,
  findings: {
    isAnswering: true,
    channels: main === undefined ? {} : { main: { height: 10, ...main } },
    configs: {},
  },
});

const consenter = (name: string, more: Partial<NodeChannel> = {}): Neighbour =>
  node(name, { status: "active", relation: "consenter", isLeader: false, hasLeader: false, ...more });

test("an orderer that says it is active is not well while nobody leads its channel", () => {
  const alone = [consenter("orderer-0"), consenter("orderer-1")];
  expect(alone.map((one) => ordererTrouble(one, alone, ["main"]))).toEqual([
    "channel main has no leader",
    "channel main has no leader",
  ]);
  const led = [consenter("orderer-0", { isLeader: true, hasLeader: true }), consenter("orderer-1")];
  expect(led.map((one) => ordererTrouble(one, led, ["main"]))).toEqual([undefined, undefined]);
  const elsewhere = [consenter("orderer-0", { hasLeader: true })];
  expect(elsewhere.map((one) => ordererTrouble(one, elsewhere, ["main"]))).toEqual([undefined]);
});

test("an orderer that failed or catches up is not well, one that has not joined yet is", () => {
  expect(ordererTrouble(consenter("orderer-0", { status: "failed" }), [], ["main"])).toContain("failed");
  expect(ordererTrouble(consenter("orderer-0", { status: "onboarding" }), [], ["main"])).toContain("catching up");
  expect(ordererTrouble(node("orderer-0", undefined), [], ["main"])).toBeUndefined();
});

test("a peer is well until it is too far behind on a channel of its own", () => {
  const ahead = consenter("orderer-0", { height: 10 + maxLag });
  expect(peerTrouble(node("peer-a-0", { height: 10 }), [ahead], ["main"])).toBeUndefined();
  expect(peerTrouble(node("peer-a-0", { height: 9 }), [ahead], ["main"])).toBe(
    "it is 21 blocks behind on channel main",
  );
  expect(peerTrouble(node("peer-a-0", { height: 9 }), [ahead], [])).toBeUndefined();
});
