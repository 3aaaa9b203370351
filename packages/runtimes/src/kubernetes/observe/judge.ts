import type { ContainerEnd, ContainerStatus, PodObject } from "../client/kube-object.ts";
import { labelKeys } from "../labels.ts";
import { type ContainerFact, readFacts } from "../render/facts.ts";
import { judgeScheduling } from "./judge-scheduling.ts";
import type { Verdict } from "./verdict.ts";

/** From this many ends on, it is said to be a loop. */
const loopRestarts = 5;
/** A pod that outlives its grace by this hangs. */
const hangMs = 60_000;

const failed = (reason: string, message: string, hint: string): Verdict => ({ state: "failed", reason, message, hint });

const pullReasons = new Set([
  "ImagePullBackOff",
  "ErrImagePull",
  "InvalidImageName",
  "ErrImageNeverPull",
  "RegistryUnavailable",
]);

/** Of an image that a tenant named: whether it may be pulled is between the tenant and its registry. */
const judgeTenantPull = (image: string, isDenied: boolean, isMissing: boolean): Verdict => {
  if (isDenied)
    return failed(
      "image_denied",
      `The image ${image} can't be pulled: its registry refuses access, or has no such image.`,
      "Check its name and digest. If not everybody may pull it, set the app's credentials for its registry (portolan registries set): it is tried again at once.",
    );
  if (isMissing)
    return failed(
      "image_missing",
      `The image ${image} can't be pulled: its registry does not have it.`,
      "Push it, or name another digest; then retry the operation.",
    );
  return failed(
    "image_pull_failed",
    `The image ${image} can't be pulled.`,
    "Its registry may be down, or not be reached by this region's machines; it is tried again by itself.",
  );
};

const judgePull = (status: ContainerStatus, image: string, isTenants: boolean): Verdict | undefined => {
  const { reason = "", message = "" } = status.state?.waiting ?? {};
  if (!pullReasons.has(reason)) return undefined;
  const isDenied = /unauthorized|denied|forbidden|401|403/i.test(message);
  const isMissing = /not found|manifest unknown|404/i.test(message);
  if (isTenants) return judgeTenantPull(image, isDenied, isMissing);
  const why = isDenied ? " The registry refuses access." : isMissing ? " The registry does not have it." : "";
  return failed(
    "image_pull_failed",
    `The image ${image} can't be pulled.${why}`,
    isDenied
      ? "Set or mend the region's pullSecret; it is tried again by itself."
      : "Check the region's mirror and images, and that the cluster's machines reach the registry; it is tried again by itself.",
  );
};

const judgeCreation = (status: ContainerStatus): Verdict | undefined => {
  const { reason = "", message = "" } = status.state?.waiting ?? {};
  if (!/^(CreateContainer|RunContainer)/.test(reason)) return undefined;
  return failed(
    "container_refused",
    `The cluster's machine can't start the program ${status.name}.`,
    /secret|configmap/i.test(message)
      ? "A file or secret of it is missing; it is written again by itself."
      : "kubectl describe pod says why: most often the image lacks the program, or its user.",
  );
};

const describeEnd = (
  name: string,
  status: ContainerStatus,
  end: ContainerEnd | undefined,
  restarts: number,
): Verdict => {
  if (end?.reason === "OOMKilled") {
    return failed(
      "memory_exceeded",
      `The program ${name} used more memory than the node's plan has, and was ended.`,
      "Choose a plan with more memory; the node is started again by itself.",
    );
  }
  const isLoop = restarts >= loopRestarts;
  const how = end === undefined ? "" : end.signal ? ` by signal ${end.signal}` : ` with code ${end.exitCode}`;
  return {
    ...failed(
      isLoop ? "crash_loop" : "exited",
      `The program ${name} ended${how}.${isLoop ? ` It has ended ${restarts} times.` : ""}`,
      isLoop ? "The node's logs say why; it is tried again every five minutes." : "It is started again by itself.",
    ),
    ask: { container: status.name },
  };
};

const judgeInit = (status: ContainerStatus, fact: ContainerFact | undefined): Verdict | undefined => {
  if (fact?.kind === "program") return undefined;
  const name = fact?.process ?? status.name;
  const end = status.state?.terminated ?? status.lastState?.terminated;
  if (status.state?.running || end === undefined || end.exitCode === 0) return undefined;
  return {
    ...failed(
      "init_failed",
      `The init command ${name} ended with ${end.exitCode}.`,
      "It is tried again by itself; the node's logs have all of its output.",
    ),
    ask: { container: status.name },
  };
};

const judgeProcess = (
  status: ContainerStatus,
  fact: ContainerFact | undefined,
  nowMs: number,
  lastReadyMs?: number,
): Verdict | undefined => {
  const { running, terminated, waiting } = status.state ?? {};
  const name = fact?.process ?? status.name;
  if (terminated) return describeEnd(name, status, terminated, status.restartCount);
  if (waiting?.reason === "CrashLoopBackOff" || (waiting && status.lastState?.terminated)) {
    return describeEnd(name, status, status.lastState?.terminated, status.restartCount + 1);
  }
  if (!running) return { state: "starting", reason: "starting", message: `The program ${name} is not started yet.` };
  if (status.ready) return undefined;
  const startMs = Date.parse(running.startedAt ?? "");
  const isLate = fact?.startupMs !== undefined && nowMs - startMs > fact.startupMs;
  // It was ready once in this run: a pod that never was has not changed that since it was made.
  const wasReady = status.started === true && lastReadyMs !== undefined && lastReadyMs > startMs + 999;
  if (isLate || wasReady) {
    return failed(
      "unresponsive",
      `The program ${name} runs, but does not answer.`,
      "The node's logs may say why; a program that was only busy comes back by itself.",
    );
  }
  if (fact?.isAuxiliary === true) return undefined;
  return { state: "starting", reason: "starting", message: `The program ${name} does not answer yet.` };
};

const judgeEnding = (pod: PodObject, nowMs: number): Verdict | undefined => {
  const { deletionTimestamp } = pod.metadata;
  if (deletionTimestamp === undefined) return undefined;
  if (nowMs - Date.parse(deletionTimestamp) > hangMs) {
    return failed(
      "pod_hangs",
      "The node's former pod does not end.",
      "The machine it stands on may be gone: kubectl get pods -o wide names it. Once that is certain, delete the machine's Node.",
    );
  }
  return { state: "starting", reason: "restarting", message: "The node's former pod is ending." };
};

/** Whether all programs of the node that count run and answer. */
export const isUp = (pod: PodObject | undefined, now: Date): boolean =>
  pod !== undefined && judgePod(pod, now.getTime()).state === "running";

/** What a pod's own status says of its node. Pure. */
export const judgePod = (pod: PodObject, nowMs: number): Verdict => {
  const ending = judgeEnding(pod, nowMs);
  if (ending) return ending;
  if (pod.status?.phase === "Failed" || pod.status?.reason === "Evicted") {
    const hint = "It is started again by itself, on another machine where there is one.";
    return failed("evicted", `The cluster's machine gave the node up (${pod.status.reason ?? "failed"}).`, hint);
  }
  const unscheduled = judgeScheduling(pod);
  if (unscheduled) return unscheduled;
  const inits = pod.status?.initContainerStatuses ?? [];
  const statuses = [...inits, ...(pod.status?.containerStatuses ?? [])];
  const specs = [...(pod.spec.initContainers ?? []), ...pod.spec.containers];
  const imageOf = (name: string): string => specs.find((one) => one.name === name)?.image ?? "";
  const isTenants = pod.metadata.labels?.[labelKeys.trust] !== undefined;
  for (const status of statuses) {
    const trouble = judgePull(status, imageOf(status.name), isTenants) ?? judgeCreation(status);
    if (trouble) return trouble;
  }
  const facts = readFacts(pod.metadata.annotations);
  for (const status of inits) {
    const trouble = judgeInit(status, facts[status.name]);
    if (trouble) return trouble;
  }
  const readiness = pod.status?.conditions?.find(
    ({ type, status }) => type === "ContainersReady" && status === "False",
  );
  const lastReadyMs = readiness && Date.parse(readiness.lastTransitionTime ?? "");
  let unready: Verdict | undefined;
  for (const status of statuses) {
    const fact = facts[status.name];
    if (fact?.kind === "init" || (fact === undefined && inits.includes(status))) continue;
    const verdict = judgeProcess(status, fact, nowMs, lastReadyMs);
    if (verdict?.state === "failed") return verdict;
    unready ??= verdict;
  }
  if (unready) return unready;
  const count = (pod.status?.containerStatuses ?? []).length;
  return count > 0 ? { state: "running" } : { state: "starting", reason: "starting" };
};
