import type { V1Container, V1PodSpec } from "@kubernetes/client-node";

const volumeKinds = new Set([
  "configMap",
  "csi",
  "downwardAPI",
  "emptyDir",
  "ephemeral",
  "persistentVolumeClaim",
  "projected",
  "secret",
]);

const judgeContainer = (container: V1Container, pod: V1PodSpec): string[] => {
  const own = container.securityContext;
  const found = [
    own?.privileged === true && "is privileged",
    own?.allowPrivilegeEscalation !== false && "may gain privileges",
    !(own?.capabilities?.drop ?? []).includes("ALL") && "keeps capabilities",
    (own?.capabilities?.add ?? []).some((name) => name !== "NET_BIND_SERVICE") && "gets capabilities",
    (own?.runAsNonRoot ?? pod.securityContext?.runAsNonRoot) !== true && "may run as root",
    (own?.runAsUser ?? pod.securityContext?.runAsUser) === 0 && "runs as root",
    !["RuntimeDefault", "Localhost"].includes(
      own?.seccompProfile?.type ?? pod.securityContext?.seccompProfile?.type ?? "",
    ) && "has no seccomp profile",
    own?.procMount !== undefined && own.procMount !== "Default" && "sees all of /proc",
    (container.ports ?? []).some(({ hostPort }) => hostPort !== undefined && hostPort !== 0) && "has a host's port",
    // Not of the standard: ours.
    own?.readOnlyRootFilesystem !== true && "writes to its root",
    container.resources?.limits?.["memory"] === undefined && "has no limit of memory",
    container.resources?.requests?.["cpu"] === undefined && "requests no processor",
  ];
  return found.flatMap((sentence) => (sentence === false ? [] : [`${container.name} ${sentence}`]));
};

/** What a pod does that Pod Security `restricted` forbids (https://kubernetes.io/docs/concepts/security/pod-security-standards/), and our own rules beside it. */
export const restrictedViolations = (pod: V1PodSpec): string[] => {
  const found = [
    pod.hostNetwork === true && "is on the host's network",
    pod.hostPID === true && "sees the host's processes",
    pod.hostIPC === true && "shares the host's memory",
    (pod.securityContext?.sysctls ?? []).length > 0 && "sets the kernel's parameters",
    // Ours.
    pod.automountServiceAccountToken !== false && "gets a token of the cluster",
    pod.enableServiceLinks !== false && "gets others' addresses in its environment",
  ];
  const volumes = (pod.volumes ?? []).flatMap(({ name, ...source }) =>
    Object.keys(source)
      .filter((kind) => !volumeKinds.has(kind))
      .map((kind) => `has the volume ${name} of the kind ${kind}`),
  );
  const containers = [...(pod.initContainers ?? []), ...pod.containers, ...(pod.ephemeralContainers ?? [])];
  return [
    ...found.flatMap((sentence) => (sentence === false ? [] : [`the pod ${sentence}`])),
    ...volumes.map((sentence) => `the pod ${sentence}`),
    ...containers.flatMap((container) => judgeContainer(container, pod)),
  ];
};
