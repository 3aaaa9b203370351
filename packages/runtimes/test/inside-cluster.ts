/**
 * Runs in a pod, as a worker that stands in its cluster: with the service account's credential, and by the names of
 * services. Its one argument is `{ settings, toolsImage }`; its last line of output is `Seen` as JSON.
 */
import { systemClock } from "@portolan/domain";
import { silentLogger } from "@portolan/kit";
import { echoNode, newPlacement, secrets, toBlueprint, toSpecs } from "../src/conformance/blueprints.ts";
import { until } from "../src/conformance/harness.ts";
import type { RegionFinding } from "../src/index.ts";
import { checkCluster } from "../src/kubernetes/check/check-cluster.ts";
import { createKubernetesRuntime } from "../src/kubernetes/kubernetes-runtime.ts";
import { parseKubernetesSettings } from "../src/kubernetes/settings.ts";

export interface Seen {
  findings: readonly RegionFinding[];
  /** What was dialled, and the status of the node's answer. */
  host: string;
  status: number;
  /** What observing a placement that is gone says of its nodes. */
  left: number;
}

const access = { inCluster: true } as const;
const { settings, toolsImage } = JSON.parse(process.argv[2] ?? "") as { settings: object; toolsImage: string };
const cluster = parseKubernetesSettings(settings);
const findings: RegionFinding[] = [];
const signal = AbortSignal.timeout(90_000);
for await (const finding of checkCluster({ access, settings: cluster, toolsImage, signal, startMs: 60_000 }))
  findings.push(finding);

const runtime = createKubernetesRuntime({ access, cluster, toolsImage, clock: systemClock, log: silentLogger });
const placement = newPlacement();
const addresses = await runtime.reserve(placement, toSpecs("echo-0"), 1n);
const blueprint = toBlueprint(placement, [echoNode(addresses, "echo-0")]);
await until("the node to run", async () => {
  await runtime.apply(placement, blueprint, secrets, 1n);
  return (await runtime.observe(placement)).nodes[0]?.state === "running";
});
const { host, port } = await runtime.dial(placement, "echo-0", "http");
const { status } = await fetch(`http://${host}:${port}/`);
await until("the placement's end", () =>
  runtime.destroy(placement, { volumes: true, fence: 2n }).then(
    () => true,
    () => false,
  ),
);
const { nodes } = await runtime.observe(placement);
runtime.close();
console.log(JSON.stringify({ findings, host, status, left: nodes.length } satisfies Seen));
