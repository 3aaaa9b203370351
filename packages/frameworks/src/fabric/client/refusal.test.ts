import { expect, it } from "vitest";
import { Refusal, toRefusedError } from "./refusal.ts";

it("a node whose disk is full is told apart from one that refuses", () => {
  // As an orderer 3.1.5 answered.
  const full = new Refusal(
    "cannot join: failed to create chain support: failed to initialize WAL: no space left on device",
    "500",
  );
  expect(toRefusedError("orderer-0 did not join channel c3", full, "Another hint.")).toMatchObject({
    code: "node.storage_full",
    hint: expect.stringContaining("free some space"),
    retryable: true,
  });
  expect(toRefusedError("It did not", new Refusal("because", "500"), "Another hint.")).toMatchObject({
    hint: "Another hint.",
  });
  expect(toRefusedError("It did not", new Refusal("because", "500"))).toMatchObject({ hint: undefined });
});
