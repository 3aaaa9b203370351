import { describe, expect, it } from "vitest";
import type { PodObject } from "../client/kube-object.ts";
import { createPodLedger } from "./pod-ledger.ts";

const pod = (uid: string, restartCount = 0, isEnding = false): PodObject => ({
  metadata: { name: "echo-0-0", uid, ...(isEnding ? { deletionTimestamp: "2026-11-23T08:00:00Z" } : {}) },
  spec: { containers: [{ name: "main", image: "echo" }] },
  status: { containerStatuses: [{ name: "main", ready: true, restartCount }] },
});

describe("pod ledger", () => {
  it("counts restarts, and pods that came and went between two looks", () => {
    const ledger = createPodLedger();
    const record = { incarnation: 1, pod: "a", podRestarts: 0 };
    ledger.see("n", pod("a", 2));
    expect(ledger.count("n", record)).toEqual({ incarnation: 3, unasked: 2 });
    ledger.see("n", pod("b"));
    ledger.see("n", pod("c", 1));
    expect(ledger.count("n", record)).toEqual({ incarnation: 6, unasked: 5 });
    ledger.settle("n", pod("c", 1));
    expect(ledger.count("n", { incarnation: 6, pod: "c", podRestarts: 1 })).toEqual({ incarnation: 6, unasked: 0 });
  });

  it("does not count the pod that follows a start of ours, nor the one that we ended", () => {
    const ledger = createPodLedger();
    ledger.see("n", pod("a"));
    ledger.expectEnd("n", ["a"]);
    ledger.see("n", pod("a", 0, true));
    expect(ledger.count("n", { incarnation: 2 })).toEqual({ incarnation: 2, unasked: 0 });
    ledger.see("n", pod("b"));
    expect(ledger.count("n", { incarnation: 2 })).toEqual({ incarnation: 2, unasked: 0 });
    ledger.see("n", pod("b", 1));
    expect(ledger.count("n", { incarnation: 2 })).toEqual({ incarnation: 3, unasked: 1 });
  });

  it("counts one that was never written down by this worker", () => {
    const ledger = createPodLedger();
    ledger.see("n", pod("b"));
    expect(ledger.count("n", { incarnation: 4, pod: "a", podRestarts: 0 })).toEqual({ incarnation: 5, unasked: 1 });
  });
});
