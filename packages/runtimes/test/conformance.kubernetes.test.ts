import { requireCluster } from "@portolan/testing";
import { describe } from "vitest";
import { describeRuntimeConformance } from "../src/conformance/conformance.ts";
import { openKubernetesHarness } from "./kubernetes-harness.ts";

const required = requireCluster(3);

describe.skipIf(required === undefined)("on real pods", () => {
  if (required === undefined) return;
  describeRuntimeConformance("kubernetes", async () =>
    openKubernetesHarness(await required.start(), { isFirstWatching: true }),
  );
});
