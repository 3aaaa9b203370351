import { describe, expect, it, test } from "vitest";
import { KubeError } from "../client/kube-error.ts";
import { checkMemory, checkSnapshots } from "./facts.ts";

it("where pods have no resources of their own, a note says what that means for a node's memory", () => {
  const of = (podResources: boolean) => checkMemory({ features: { podResources, stopSignal: false } });
  expect(of(true)).toMatchObject({ check: "memory", state: "ok" });
  expect(of(false)).toMatchObject({ check: "memory", state: "note", fix: expect.stringContaining("1.34") });
});

describe("snapshots of the cluster's", () => {
  const named = (name: string, more: object) => ({ metadata: { name }, ...more });
  const storage = [named("fast", { provisioner: "fast.example" }), named("slow", { provisioner: "slow.example" })];
  const check = (classes: object[] | undefined, snapshotClass?: string) =>
    checkSnapshots(
      {
        request: async <T>({ path }: { path: string }): Promise<T> => {
          if (path.endsWith("/storageclasses")) return { items: storage } as T;
          if (classes === undefined) throw new KubeError(404, "NotFound", "the server could not find it");
          return { items: classes } as T;
        },
      },
      { storageClass: "fast", ...(snapshotClass === undefined ? {} : { snapshotClass }) },
    );
  const own = named("fast-snapshots", { driver: "fast.example" });
  const others = named("slow-snapshots", { driver: "slow.example" });

  test.each([
    ["a cluster without the kinds", undefined, undefined, "ok", "no snapshots"],
    ["classes of another driver only", [others], undefined, "ok", "no snapshots"],
    ["a class of the volumes' driver", [others, own], undefined, "ok", "--snapshot-class fast-snapshots"],
    ["the class that the settings name", [others, own], "fast-snapshots", "ok", "copied from snapshots"],
    ["a class that is not there", [own], "other", "wrong", "no volume snapshot class other"],
    ["a class of another driver", [others, own], "slow-snapshots", "wrong", "fast.example"],
    ["no kinds, though the settings name a class", undefined, "fast-snapshots", "wrong", "backups would fail"],
  ])("%s", async (_name, classes, wished, state, words) => {
    expect(await check(classes, wished)).toMatchObject({ state, message: expect.stringContaining(words) });
  });
});
