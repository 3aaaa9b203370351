import { requireCluster, type TestCluster } from "@portolan/testing";
import { beforeAll, describe, expect, test } from "vitest";
import { fillSecrets, type Manifest, objectsOf } from "../src/kubernetes/render/index.ts";
import type { RenderedNode } from "../src/kubernetes/render/rendered.ts";
import { kubernetesSettings } from "../src/kubernetes/settings.ts";
import { applyManifests, kubectl } from "./cluster-kubectl.ts";
import { type ManifestSample, manifestSamples, spacesOf } from "./manifest-samples.ts";

const required = requireCluster(2);

interface PodList {
  items: { metadata: { name: string }; status: { phase: string; conditions?: { type: string; status: string }[] } }[];
}

const podsOf = async (cluster: TestCluster, namespace: string): Promise<string[]> => {
  const { items } = JSON.parse((await kubectl(cluster, ["get", "pods", "-n", namespace, "-o", "json"])).out) as PodList;
  return items
    .filter(({ status }) => status.phase === "Running")
    .map(({ metadata }) => metadata.name)
    .sort();
};

/** A generation counts changes of what is wished, not of what became of it. */
const generations =
  'jsonpath={range .items[*]}{.kind}/{.metadata.name} {.metadata.uid} {.metadata.generation}{"\\n"}{end}';

const samples = (await manifestSamples()).map((sample) => [sample.name, sample] as const);

describe.skipIf(required === undefined)("a real API server with controllers", () => {
  let cluster: TestCluster;
  beforeAll(async () => {
    if (required !== undefined) cluster = await required.start();
  });

  /** Of this run only: the cluster is shared. */
  const here = (sample: ManifestSample): ManifestSample => {
    const { placementId: own } = sample.placement;
    const placementId = `${own.slice(0, -14)}${String(process.pid).padStart(8, "0")}${own.slice(-6)}`;
    return {
      ...sample,
      placement: { ...sample.placement, placementId },
      blueprint: { ...sample.blueprint, placementId },
      settings: kubernetesSettings.parse({ storageClass: cluster.storageClasses.anywhere }),
    };
  };

  /** All of it, and its jobs, and all once more. */
  const takes = async (
    name: string,
    objects: readonly Manifest[],
    nodes: readonly Pick<RenderedNode, "objectName" | "jobs">[],
  ): Promise<void> => {
    try {
      expect((await applyManifests(cluster, objects)).err).toBe("");
      const wanted = nodes.map(({ objectName }) => `${objectName}-0`).sort();
      await expect.poll(() => podsOf(cluster, name), { timeout: 60_000 }).toEqual(wanted);
      const jobs = nodes.flatMap((node) => node.jobs.map(({ job }) => job));
      if (jobs.length > 0) {
        expect((await applyManifests(cluster, jobs)).err).toBe("");
        await kubectl(cluster, ["wait", "--for=condition=complete", "job", "--all", "-n", name, "--timeout=60s"]);
      }
      // What was applied is what is there: applied again, nothing becomes another.
      const kinds = "sts,svc,cm,secret,pvc,netpol,quota,limits,pdb";
      const versions = async () => (await kubectl(cluster, ["get", kinds, "-n", name, "-o", generations])).out;
      const before = await versions();
      await applyManifests(cluster, objects);
      expect(await versions()).toBe(before);
    } finally {
      await kubectl(cluster, ["delete", "namespace", name, "--wait=false", "--ignore-not-found"]);
    }
  };

  test.each(samples)(
    "takes all of %s without a warning, and its controllers make every pod within the quota",
    async (_name, sample) => {
      const own = here(sample);
      for (const { namespace, shared, nodes } of spacesOf(own)) {
        const filled = [...nodes.values()].map((node) => fillSecrets(node, own.secrets));
        await takes(namespace.metadata.name, [namespace, ...shared, ...filled.flatMap(objectsOf)], filled);
      }
    },
  );
});
