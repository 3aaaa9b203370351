import { describe, expect, it } from "vitest";
import type { ContainerStatus, PodObject } from "../client/kube-object.ts";
import { annotationKeys, labelKeys } from "../labels.ts";
import { judgePod } from "./judge.ts";

const nowMs = Date.parse("2026-11-23T08:00:00Z");
const ago = (seconds: number): string => new Date(nowMs - seconds * 1000).toISOString();

const pod = (status: NonNullable<PodObject["status"]>, facts: object = {}): PodObject => ({
  metadata: { name: "echo-0-0", uid: "u", annotations: { [annotationKeys.processes]: JSON.stringify(facts) } },
  spec: { containers: [{ name: "main", image: "echo:1" }] },
  status,
});
const container = (change: Partial<ContainerStatus>): ContainerStatus => ({
  name: "main",
  ready: false,
  restartCount: 0,
  ...change,
});
const unready = (seconds: number) => ({ type: "ContainersReady", status: "False", lastTransitionTime: ago(seconds) });
const judge = (statuses: ContainerStatus[], conditions = [unready(100)], facts: object = {}) =>
  judgePod(pod({ containerStatuses: statuses, conditions }, facts), nowMs);

describe("what a pod's status says of its node", () => {
  it("runs once all its programs are ready", () => {
    expect(judge([container({ ready: true, state: { running: { startedAt: ago(9) } } })])).toEqual({
      state: "running",
    });
    const second = container({ name: "side", state: { running: { startedAt: ago(5) } } });
    const first = container({ ready: true, state: { running: { startedAt: ago(9) } } });
    expect(judge([first, second])).toMatchObject({ state: "starting" });
    const auxiliary = { side: { process: "side", kind: "program", isAuxiliary: true } };
    expect(judge([first, second], [unready(100)], auxiliary)).toEqual({ state: "running" });
  });

  it("tells a program that does not answer yet from one that has stopped to", () => {
    const running = { running: { startedAt: ago(60) } };
    expect(judge([container({ state: running, started: true })])).toMatchObject({ state: "starting" });
    const stopped = judge([container({ state: running, started: true })], [unready(20)]);
    expect(stopped).toMatchObject({ state: "failed", reason: "unresponsive" });
    const late = { main: { process: "peer", kind: "program", startupMs: 30_000 } };
    expect(judge([container({ state: running })], [unready(100)], late)).toMatchObject({
      reason: "unresponsive",
      message: expect.stringContaining("peer"),
    });
  });

  it("names want of memory, ends and loops", () => {
    const end = { exitCode: 137, reason: "OOMKilled" };
    expect(judge([container({ state: { terminated: end } })])).toMatchObject({ reason: "memory_exceeded" });
    const died = { waiting: { reason: "CrashLoopBackOff" } };
    const lastState = { terminated: { exitCode: 3 } };
    expect(judge([container({ state: died, lastState, restartCount: 1 })])).toMatchObject({ reason: "exited" });
    expect(judge([container({ state: died, lastState, restartCount: 6 })])).toMatchObject({
      reason: "crash_loop",
      message: expect.stringContaining("code 3"),
    });
  });

  it("names what keeps a pod from a machine, and a machine from an image", () => {
    const unscheduled = (message: string) =>
      judgePod(
        pod({ conditions: [{ type: "PodScheduled", status: "False", reason: "Unschedulable", message }] }),
        nowMs,
      );
    expect(unscheduled("0/3 nodes are available: 3 Insufficient memory.")).toMatchObject({
      reason: "unschedulable",
      message: expect.stringContaining("memory"),
    });
    expect(unscheduled("pod has unbound immediate PersistentVolumeClaims")).toMatchObject({ reason: "volume_unbound" });
    const affinity = "1 node(s) didn't match PersistentVolume's node affinity";
    expect(unscheduled(`0/2 nodes are available: ${affinity}, 1 node(s) were unschedulable.`)).toMatchObject({
      reason: "volume_stays",
      hint: expect.stringContaining("kubectl uncordon"),
    });
    expect(unscheduled("0/2 nodes are available: 2 node(s) had volume node affinity conflict.")).toMatchObject({
      reason: "volume_stays",
    });
    expect(unscheduled(`0/2 nodes are available: 1 Insufficient memory, ${affinity}.`)).toMatchObject({
      reason: "unschedulable",
      hint: expect.stringContaining("the volume can't move"),
    });
    const denied = { waiting: { reason: "ErrImagePull", message: "401 Unauthorized" } };
    expect(judge([container({ state: denied })])).toMatchObject({
      reason: "image_pull_failed",
      hint: expect.stringContaining("pullSecret"),
    });
  });

  it("names a pod that does not end", () => {
    const ending = (seconds: number) => {
      const one = pod({});
      return judgePod({ ...one, metadata: { ...one.metadata, deletionTimestamp: ago(seconds) } }, nowMs);
    };
    expect(ending(5)).toMatchObject({ state: "starting" });
    expect(ending(100)).toMatchObject({ state: "failed", reason: "pod_hangs" });
  });
});

describe("an image that a tenant named", () => {
  const judged = (message: string) =>
    judgePod(
      {
        ...pod({ containerStatuses: [container({ state: { waiting: { reason: "ImagePullBackOff", message } } })] }),
        metadata: { name: "cc-0-0", uid: "u", labels: { [labelKeys.trust]: "tenant" } },
      },
      nowMs,
    );
  it.each([
    ["401 Unauthorized for user bob:hunter2hunter2", "image_denied", "registries set"],
    ["pull access denied, repository does not exist", "image_denied", "registries set"],
    ["manifest unknown", "image_missing", "digest"],
    ["dial tcp: i/o timeout", "image_pull_failed", "tried again"],
  ])("%s: %s", (message, reason, hint) => {
    const verdict = judged(message);
    expect(verdict).toMatchObject({ state: "failed", reason, hint: expect.stringContaining(hint) });
    // What the registry and the machine say is not passed on.
    expect(JSON.stringify(verdict)).not.toContain("hunter2");
  });
});
