import type { V1Container, V1EnvVar, V1VolumeMount } from "@kubernetes/client-node";
import type { BlueprintNode, EnvValue, InitSpec, ProcessSpec } from "@portolan/domain";
import { inStartOrder } from "../../start-order.ts";
import { toImage } from "../images.ts";
import { toContainerName, toVolumeName } from "../names.ts";
import type { KubernetesSettings } from "../settings.ts";
import type { ContainerFacts } from "./facts.ts";
import { filesVolume, isSecretValue, toEnvKey } from "./files.ts";
import { filesDirectory, temporaryDirectory, toText, toVerbatim, toVolumePath } from "./paths.ts";
import { renderProbes } from "./probes.ts";
import { toContainerResources, toInitResources } from "./resources.ts";
import { containerSecurity } from "./security.ts";

export const temporaryVolume = "portolan-tmp";

export interface ContainerInput {
  node: BlueprintNode;
  settings: KubernetesSettings;
  /** Of the node's Secret; environment values refer to it. */
  secretName: string;
}

type Program = Pick<ProcessSpec, "name" | "program" | "args" | "env">;

const toEnv = (input: ContainerInput, owner: string, env: { readonly [name: string]: EnvValue }): V1EnvVar[] => [
  { name: "LANG", value: "C.UTF-8" },
  { name: "HOME", value: temporaryDirectory },
  { name: "TMPDIR", value: temporaryDirectory },
  ...Object.entries(env).map(
    ([name, value]): V1EnvVar =>
      isSecretValue(value)
        ? { name, valueFrom: { secretKeyRef: { name: input.secretName, key: toEnvKey(owner, name) } } }
        : { name, value: toVerbatim(toText(input.node, value)) },
  ),
];

/** Later ones win, as a process' environment has each name once. */
const unique = (env: readonly V1EnvVar[]): V1EnvVar[] => [...new Map(env.map((one) => [one.name, one])).values()];

const toMounts = (node: BlueprintNode): V1VolumeMount[] => [
  ...(node.files.length === 0 ? [] : [{ name: filesVolume, mountPath: filesDirectory, readOnly: true }]),
  ...node.volumes.map((volume) => ({ name: toVolumeName(volume.name), mountPath: toVolumePath(volume) })),
  { name: temporaryVolume, mountPath: temporaryDirectory },
];

/**
 * A tenant's image comes from where it says and nowhere else, and its registry is asked each time: what a machine has
 * already may be another tenant's, who was let in with a credential that this one does not have.
 */
const toPull = ({ node, settings }: ContainerInput, image: string): Pick<V1Container, "image" | "imagePullPolicy"> =>
  node.isTenantCode === true
    ? { image, imagePullPolicy: "Always" }
    : { image: toImage(image, settings), imagePullPolicy: "IfNotPresent" };

/** A program as a container. The image's own PATH finds it by its name. `owner`: whose secret environment it is. */
export const renderProgram = (
  input: ContainerInput,
  container: string,
  program: Program,
  owner: string = container,
): V1Container => ({
  name: container,
  ...toPull(input, program.program.image),
  ...(program.program.isEntrypoint === true ? {} : { command: [program.program.name] }),
  args: program.args.map((arg) => toVerbatim(toText(input.node, arg))),
  env: unique(toEnv(input, owner, program.env)),
  volumeMounts: toMounts(input.node),
  securityContext: containerSecurity(),
  terminationMessagePolicy: "FallbackToLogsOnError",
});

export const toInitName = (name: string): string => toContainerName(`init-${name}`);

const renderInit = (input: ContainerInput, init: InitSpec): V1Container => ({
  ...renderProgram(input, toInitName(init.name), init),
  resources: toInitResources(input.node),
});

const renderProcess = (input: ContainerInput, process: ProcessSpec): V1Container => ({
  ...renderProgram(input, toContainerName(process.name), process),
  ...renderProbes(input.node, process.probe),
  ...(input.settings.features.stopSignal ? { lifecycle: { stopSignal: process.stopSignal } } : {}),
  ports: input.node.ports
    .filter(({ name }) => isPortOf(input.node, process, name))
    .map(({ bindNumber }) => ({ containerPort: bindNumber, protocol: "TCP" })),
  resources: toContainerResources(input.node),
});

/** A port is told of once; a blueprint only says whose it is where the program is asked at it. */
const isPortOf = (node: BlueprintNode, process: ProcessSpec, port: string): boolean => {
  const owner = node.processes.find(({ probe }) => probe?.port === port) ?? node.processes[0];
  return owner?.name === process.name;
};

/** Processes that others of the node wait for, in the order of their start. */
export const waitedFor = (processes: readonly ProcessSpec[]): ProcessSpec[] =>
  inStartOrder(processes, ({ after }) => after).filter(({ name }) =>
    processes.some((other) => other.name !== name && other.after.includes(name)),
  );

export interface RenderedContainers {
  initContainers: V1Container[];
  containers: V1Container[];
  facts: ContainerFacts;
}

/**
 * Programs that run to their end first, then those that others wait for: restartable init containers, which start one
 * after the other, each when the one before has passed its startup probe, and which end in the reverse order after
 * the rest. The others are the pod's containers, started and ended together.
 */
export const renderContainers = (input: ContainerInput): RenderedContainers => {
  const { node } = input;
  const sidecars = waitedFor(node.processes);
  const rest = node.processes.filter((process) => !sidecars.includes(process));
  const facts: ContainerFacts = Object.fromEntries([
    ...node.init.map(({ name, timeoutMs }) => [toInitName(name), { process: name, kind: "init" as const, timeoutMs }]),
    ...node.processes.map(({ name, probe, isAuxiliary }) => [
      toContainerName(name),
      {
        process: name,
        kind: "program" as const,
        ...(probe === undefined ? {} : { startupMs: probe.startupMs }),
        ...(isAuxiliary === true ? { isAuxiliary } : {}),
      },
    ]),
  ]);
  return {
    initContainers: [
      ...node.init.map((init) => renderInit(input, init)),
      ...sidecars.map((process) => ({ ...renderProcess(input, process), restartPolicy: "Always" })),
    ],
    containers: rest.map((process) => renderProcess(input, process)),
    facts,
  };
};

/** Containers end together, then what they waited for one by one: the pod gets the sum. */
export const toGraceSeconds = (processes: readonly ProcessSpec[]): number => {
  const sidecars = waitedFor(processes);
  const rest = processes.filter((process) => !sidecars.includes(process));
  const longest = Math.max(0, ...rest.map(({ stopGraceMs }) => stopGraceMs));
  const sum = sidecars.reduce((total, { stopGraceMs }) => total + stopGraceMs, longest);
  return Math.max(1, Math.ceil(sum / 1_000)) + graceMarginSeconds;
};

/** For kubelet's own part of it. */
const graceMarginSeconds = 2;
