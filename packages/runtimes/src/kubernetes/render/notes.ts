import type { Blueprint, BlueprintNode, EnvValue } from "@portolan/domain";
import { hasDigest, toImage } from "../images.ts";
import type { KubernetesSettings } from "../settings.ts";
import { isSecretValue } from "./files.ts";
import { toText } from "./paths.ts";
import type { RenderNote } from "./rendered.ts";

const programsOf = (node: BlueprintNode) => [...node.init, ...node.processes, ...node.jobs];

const toImageNotes = (blueprint: Pick<Blueprint, "nodes">, settings: KubernetesSettings): RenderNote[] => {
  const images = new Set(
    blueprint.nodes.flatMap((node) =>
      programsOf(node).map(({ program }) =>
        node.isTenantCode === true ? program.image : toImage(program.image, settings),
      ),
    ),
  );
  return [...images]
    .filter((image) => !hasDigest(image))
    .map((image) => ({
      reason: "image_without_digest",
      message: `The image ${image} is taken by a tag, which its registry may give to another image at any time.`,
      hint: "Name the image with its digest under `images` in the settings of the region's cluster.",
    }));
};

const toSignalNotes = (node: BlueprintNode, settings: KubernetesSettings): RenderNote[] =>
  settings.features.stopSignal
    ? []
    : node.processes
        .filter(({ stopSignal }) => stopSignal !== "SIGTERM")
        .map(({ name, stopSignal }) => ({
          reason: "stop_signal_unsupported",
          node: node.name,
          message: `${name} of ${node.name} wants to be stopped by ${stopSignal}; the cluster sends what its image says, in general SIGTERM.`,
          hint: "Turn on the cluster's ContainerStopSignals and `features.stopSignal` in the region's settings.",
        }));

const toMemoryNotes = (node: BlueprintNode, settings: KubernetesSettings): RenderNote[] =>
  settings.features.podResources || node.processes.length < 2
    ? []
    : [
        {
          reason: "memory_not_shared",
          node: node.name,
          message: `The programs of ${node.name} may each use as much memory as the node should have in all.`,
          hint: "Use a cluster of Kubernetes 1.34 or later with `features.podResources`.",
        },
      ];

const loopback = /(?:127\.0\.0\.1|localhost|\[::1\]):(\d{1,5})/g;

/** What a node dials on its own machine's loopback address and is no port of its own: nothing is there in a pod. */
const toLoopbackNotes = (node: BlueprintNode): RenderNote[] => {
  const own = new Set(node.ports.map(({ bindNumber }) => String(bindNumber)));
  const values = (env: { readonly [name: string]: EnvValue }) =>
    Object.values(env).flatMap((value) => (isSecretValue(value) ? [] : [toText(node, value)]));
  const texts = programsOf(node).flatMap(({ args, env }) => [...args.map((arg) => toText(node, arg)), ...values(env)]);
  const found = texts.flatMap((text) => [...text.matchAll(loopback)]).filter(([, port]) => !own.has(port ?? ""));
  if (found.length === 0) return [];
  return [
    {
      reason: "loopback_unreachable",
      node: node.name,
      message: `${node.name} is told to dial ${found[0]?.[0] ?? ""}, which inside a pod is the pod itself.`,
      hint: "What stands beside the worker (the forwarder of forks and of customers' own chaincode) can't be reached from a cluster.",
    },
  ];
};

/** What the cluster, as its settings have it, does not do as the blueprint asks. */
export const toNotes = (blueprint: Pick<Blueprint, "nodes">, settings: KubernetesSettings): RenderNote[] => [
  ...toImageNotes(blueprint, settings),
  ...blueprint.nodes.flatMap((node) => [
    ...toSignalNotes(node, settings),
    ...toMemoryNotes(node, settings),
    ...toLoopbackNotes(node),
  ]),
];
