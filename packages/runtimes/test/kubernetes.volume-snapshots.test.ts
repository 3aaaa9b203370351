import { writeFileSync } from "node:fs";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { toName } from "@portolan/domain";
import { requireCluster } from "@portolan/testing";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { echoNode, newPlacement, once, toBlueprint, toSpecs } from "../src/conformance/blueprints.ts";
import { converge, until } from "../src/conformance/harness.ts";
import type { KubernetesRuntime } from "../src/kubernetes/kubernetes-runtime.ts";
import type { PlacementRef } from "../src/runtime.ts";
import { type KubernetesHarness, openKubernetesHarness, toNamespace } from "./kubernetes-harness.ts";
import { type StandIn, snapshotKinds, startSnapshotDriver } from "./snapshot-driver.ts";

const required = requireCluster(3);

interface Named {
  items: { metadata: { name: string } }[];
}

describe.skipIf(required === undefined)("volumes' snapshots, with a stand-in for their driver", () => {
  let harness: KubernetesHarness;
  let runtime: KubernetesRuntime;
  let driver: StandIn | undefined;
  let path = "";
  const placement: PlacementRef = newPlacement();

  const namesOf = (kind: string): string[] =>
    (harness.read(kind, "-n", toNamespace(placement)) as Named).items.map(({ metadata }) => metadata.name).sort();

  beforeAll(async () => {
    if (required === undefined) return;
    harness = await openKubernetesHarness(await required.start());
    path = await mkdtemp(join(tmpdir(), "portolan-volume-snapshots-"));
    harness.kubectl(["apply", "-f", "-"], snapshotKinds);
    harness.kubectl(["wait", "--for=condition=Established", `crd/${snapshotKinds.metadata.name}`, "--timeout=30s"]);
    runtime = harness.open({ settings: { snapshotClass: "of-the-tests" } });
  });
  afterAll(async () => {
    if (required === undefined) return;
    await runtime?.destroy(placement, { volumes: true, fence: 1_000n });
    await driver?.close();
    harness?.kubectl(["delete", "crd", snapshotKinds.metadata.name, "--ignore-not-found"]);
    await harness?.close();
    await rm(path, { recursive: true, force: true });
  });

  it("a backup is of the moment of the snapshot, copied from volumes made of it, of which nothing is left", {
    timeout: 180_000,
  }, async () => {
    const store = { kind: "directory", path } as const;
    const addresses = await runtime.reserve(placement, toSpecs("echo-0", "echo-1"), 1n);
    const volumes = [{ name: "data", kind: "data" as const, sizeBytes: 64 << 20 }];
    const nodes = ["echo-0", "echo-1"].map((name) => echoNode(addresses, name, { jobs: [once("setup")], volumes }));
    const blueprint = toBlueprint(placement, nodes);
    await converge(runtime, placement, blueprint, 1n);
    const claims = namesOf("pvc");
    const quota = harness.read("resourcequota", "portolan", "-n", toNamespace(placement)) as {
      spec: { hard: { [name: string]: string } };
    };
    expect(quota.spec.hard).toMatchObject({ persistentvolumeclaims: "3", "requests.storage": "20608Mi" });
    await runtime.stop(placement, 1n);

    driver = startSnapshotDriver(harness, toNamespace(placement));
    driver.failure = "the array is full";
    const failed = "bkp_0000000000000000000000000a";
    await expect(runtime.snapshot(placement, store, failed, 1n)).rejects.toMatchObject({
      code: "runtime.failed",
      message: expect.stringContaining("the array is full"),
      retryable: true,
    });
    await until("nothing left", async () => namesOf("volumesnapshots").length === 0);
    driver.failure = undefined;
    // What comes to the volume after its snapshot is not in the backup.
    driver.onTaken = (directory) => writeFileSync(join(directory, "later"), "later");
    const name = "bkp_0000000000000000000000000b";
    const facts = await runtime.snapshot(placement, store, name, 1n);
    expect(driver.taken.sort()).toEqual(claims);
    const text = await readFile(join(path, toName(name), toName(placement.placementId), "manifest.json"), "utf8");
    const manifest = JSON.parse(text) as { volumes: string[]; files: { path: string }[] };
    expect(manifest.volumes).toEqual(["echo-0/data", "echo-1/data"]);
    expect(manifest.files).toHaveLength(facts.files);
    expect(manifest.files.map((file) => file.path)).toEqual(
      expect.arrayContaining(["echo-0/data/events", "echo-1/data/events"]),
    );
    expect(text).not.toContain("/later");
    await until("nothing left", async () => namesOf("volumesnapshots").length === 0 && namesOf("pvc").length === 2);
    expect(namesOf("pvc")).toEqual(claims);

    // One that was given up in the middle: the next start clears it away.
    const victim = harness.open({
      settings: { snapshotClass: "of-the-tests" },
      checkpoint: (step) => {
        if (step.startsWith("PersistentVolumeClaim.")) throw new Error("crash");
      },
    });
    await expect(victim.snapshot(placement, store, "bkp_0000000000000000000000000c", 1n)).rejects.toThrow("crash");
    expect(namesOf("volumesnapshots")).toEqual(claims.map((claim) => `frozen.${claim}`));
    await converge(runtime, placement, blueprint, 1n);
    await until("nothing left", async () => namesOf("volumesnapshots").length === 0);
  });
});
