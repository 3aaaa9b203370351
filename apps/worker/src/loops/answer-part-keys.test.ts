import type { PartKeyAnswer } from "@portolan/contract";
import { findFramework } from "@portolan/frameworks";
import { silentLogger } from "@portolan/kit";
import type { WaitingPartKeyRequest } from "@portolan/store";
import { expect, test } from "vitest";
import { createPartKeyAnswerer } from "./answer-part-keys.ts";

const now = new Date("2026-11-23T00:00:00Z");

const answerOf = async (over: Partial<WaitingPartKeyRequest>, hasKey = true) => {
  const waiting: WaitingPartKeyRequest = {
    ...{ id: "pkr_1", tenantId: "ten_1", chainId: "chn_1", framework: "fabric", kind: "identity", name: "alice" },
    publicKey: "pk",
    part: { id: "idn_1", isDeleted: false },
    material: { owner: "plane", facts: { pem: "x" }, expiresAt: new Date(now.getTime() + 1_000) },
    ...over,
  };
  const answers: PartKeyAnswer[] = [];
  const lent: string[] = [];
  const answer = createPartKeyAnswerer({
    requests: {
      waiting: async () => (answers.length === 0 ? [waiting] : []),
      answer: async (_id, found) => {
        answers.push(found);
      },
    },
    findFramework,
    lend: async ({ ref }, publicKey, { purpose }) => {
      lent.push(`${ref} ${publicKey} ${purpose}`);
      return hasKey ? new Uint8Array([7]) : null;
    },
    clock: { now: () => now },
    log: silentLogger,
  });
  await answer();
  return { answer: answers[0], lent };
};

test("a part's own key is lent, sealed in the part's context", async () => {
  expect(await answerOf({})).toEqual({
    answer: { kind: "key", partId: "idn_1", tenantId: "ten_1", facts: { pem: "x" }, sealed: new Uint8Array([7]) },
    lent: ["identity/idn_1 pk part-key/idn_1"],
  });
});

const later = new Date(now.getTime() + 1_000);
test.each([
  ["another kind of part", { kind: "channel" }, "unknown"],
  ["an authority", { kind: "ca", part: { id: "org1", isDeleted: false } }, "unknown"],
  ["another framework", { framework: "anvil" }, "unknown"],
  ["a part that is not there", { part: null, material: null }, "unknown"],
  ["a deleted part", { part: { id: "idn_1", isDeleted: true } }, "revoked"],
  ["no certificate yet", { material: null }, "unknown"],
  ["a customer's own key", { material: { owner: "customer", facts: {}, expiresAt: later } }, "notHeld"],
  ["a certificate that is over", { material: { owner: "plane", facts: {}, expiresAt: now } }, "expired"],
] as const)("nothing is lent for %s", async (_what, over, reason) => {
  expect(await answerOf(over)).toEqual({ answer: { kind: "refused", reason }, lent: [] });
});
