import { setTimeout as sleep } from "node:timers/promises";
import { type Blueprint, type BlueprintNode, toRegistryKeys } from "@portolan/domain";
import type { SecretSource } from "../../runtime.ts";
import type { View } from "../cache/view.ts";
import type { ClaimObject, KubeObject, PodObject, StatefulSetObject } from "../client/kube-object.ts";
import { kinds } from "../client/kube-paths.ts";
import type { WriteTurn } from "../context.ts";
import { annotationKeys } from "../labels.ts";
import { toContainerName } from "../names.ts";
import { isUp, judgePod } from "../observe/judge.ts";
import { fillSecrets } from "../render/fill.ts";
import { objectsOf, type RenderedNode } from "../render/rendered.ts";
import { toClaim } from "./claim.ts";
import { expectEnd, ledgerKey, recordOf } from "./end-pods.ts";
import { digestOf, ensure } from "./ensure.ts";
import { clearDoneJobs, tendJobs } from "./jobs.ts";
import type { NodeRecord } from "./placement-state.ts";
import { startedOutOfOrder } from "./start-order.ts";

const firstBackOffMs = 1_000;
const longestBackOffMs = 60_000;

/** When something that has failed `failures` times in a row may be tried again. */
export const toNextTry = (failures: number, nowMs: number): string =>
  new Date(nowMs + Math.min(firstBackOffMs * 2 ** Math.min(failures - 1, 20), longestBackOffMs)).toISOString();

const isDue = (turn: WriteTurn, at: string | undefined): boolean =>
  at === undefined || Date.parse(at) <= turn.clock.now().getTime();

export interface NodeTurn {
  turn: WriteTurn;
  view: View;
  blueprint: Blueprint;
  node: BlueprintNode;
  rendered: RenderedNode;
  secrets: SecretSource;
}

const isDown = (set: StatefulSetObject | undefined): boolean =>
  set === undefined || set.spec.replicas === 0 || set.metadata.deletionTimestamp !== undefined;

const hashOfPod = (pod: PodObject): string | undefined => pod.metadata.annotations?.[annotationKeys.nodeHash];

/** Whether the nodes that should answer first do, or have been waited for long enough. */
const mayStart = ({ turn, view, blueprint, rendered }: NodeTurn, record: NodeRecord): boolean => {
  for (const name of rendered.startAfter) {
    const isKnown = blueprint.nodes.some((other) => other.name === name) && name !== rendered.name;
    const pod = view.pods.get(name);
    const set = view.sets.get(name);
    if (!isKnown || (set && !isDown(set) && isUp(pod, turn.clock.now()))) continue;
    const now = turn.clock.now();
    record.waitingSince ??= now.toISOString();
    const untilMs = Date.parse(record.waitingSince) + turn.startAfterWaitMs;
    if (now.getTime() >= untilMs) continue;
    record.nextAt = new Date(untilMs).toISOString();
    return false;
  }
  return true;
};

const writePulled = ({ blueprint, node }: NodeTurn, record: NodeRecord): void => {
  if (node.isTenantCode === true) record.pulledWith = toRegistryKeys(blueprint).join();
};

const writeDown = (at: NodeTurn, record: NodeRecord): void => {
  const { node, rendered } = at;
  writePulled(at, record);
  record.hash = rendered.nodeHash;
  record.rendererVersion = rendered.rendererVersion;
  record.startAfter = rendered.startAfter;
  record.jobKeys = node.jobs.map(({ key }) => key);
  record.userId = node.userId;
  record.order = Object.fromEntries(
    node.processes
      .filter(({ after }) => after.length > 0)
      .map(({ name, after }) => [toContainerName(name), after.map(toContainerName)] as const),
  );
};

/** Objects of the node but its claims' sizes come as rendered; which of them exist is written down first, for pruning. */
const applyObjects = async (at: NodeTurn): Promise<{ names: string[]; filled: RenderedNode }> => {
  const { turn, rendered, secrets } = at;
  const filled = fillSecrets(rendered, secrets);
  const names = objectsOf(filled).map(({ kind, metadata }) => `${kind}/${metadata.name}`);
  turn.state.objects.push(...names.filter((name) => !turn.state.objects.includes(name)));
  await turn.save();
  for (const manifest of objectsOf(filled)) {
    const object = manifest as KubeObject;
    if (object.kind === kinds.PersistentVolumeClaim.kind) {
      await ensure(turn, await toClaim(turn, object as ClaimObject), digestOf(object));
    } else await ensure(turn, object);
  }
  return { names, filled };
};

const observedWaitMs = 2_000;

/** The controller must know of the new template before the pod goes, or it would make the old one again. True: it does. */
const waitForController = async (turn: WriteTurn, name: string): Promise<boolean> => {
  const endsAt = performance.now() + observedWaitMs;
  while (performance.now() < endsAt) {
    const set = await turn.objects.get<StatefulSetObject & { status?: { observedGeneration?: number } }>(
      kinds.StatefulSet,
      turn.namespace,
      name,
    );
    if (!set || (set.status?.observedGeneration ?? 0) >= (set.metadata.generation ?? 0)) return true;
    await sleep(25);
  }
  return false;
};

/** Ends just this pod; the controller makes the next one, by the template of now. */
const replacePod = async ({ turn, rendered }: NodeTurn, record: NodeRecord, pod: PodObject): Promise<void> => {
  // Where the cluster is that busy, a later call does it.
  if (!(await waitForController(turn, rendered.objectName))) return;
  expectEnd(turn, rendered.name, [pod]);
  record.incarnation += 1;
  await turn.save();
  await turn.step(`Pod.${pod.metadata.name}.delete`);
  await turn.objects.remove(kinds.Pod, pod);
};

/** What has started without our doing is written down. */
const settleStarts = ({ turn, rendered }: NodeTurn, record: NodeRecord, pod: PodObject): void => {
  const key = ledgerKey(turn, rendered.name);
  const { incarnation, unasked } = turn.ledger.count(key, record);
  record.incarnation = incarnation;
  record.restarts += unasked;
  record.pod = pod.metadata.uid ?? "";
  turn.ledger.settle(key, pod);
  record.podRestarts = turn.ledger.restartsOf(key);
};

/** Other credentials came since its image was refused: kubelet would only try again after minutes. */
const mayPullNow = ({ turn, blueprint, node }: NodeTurn, record: NodeRecord, pod: PodObject): boolean => {
  if (node.isTenantCode !== true || record.pulledWith === toRegistryKeys(blueprint).join()) return false;
  return judgePod(pod, turn.clock.now().getTime()).reason?.startsWith("image_") === true;
};

/** A pod that is there: replaced where it is not as wished, else written down, and its jobs looked after. */
const tendPod = async (at: NodeTurn, filled: RenderedNode, record: NodeRecord, pod: PodObject): Promise<void> => {
  const { turn, rendered } = at;
  if (hashOfPod(pod) !== rendered.nodeHash || startedOutOfOrder(pod, record) || mayPullNow(at, record, pod)) {
    writePulled(at, record);
    return replacePod(at, record, pod);
  }
  turn.ledger.see(ledgerKey(turn, rendered.name), pod);
  settleStarts(at, record, pod);
  if (record.nextAt !== undefined && !isDue(turn, record.nextAt)) return;
  await clearDoneJobs(turn, filled, record, at.view.otherPods);
  await tendJobs(turn, filled, record, isUp(pod, turn.clock.now()));
  const isDone = (record.jobKeys ?? []).every((key) => record.jobs[key] !== undefined);
  if (isDone) clearFailure(record);
};

const clearFailure = (record: NodeRecord): void => {
  delete record.failure;
  delete record.failedHash;
  delete record.nextAt;
  record.failures = 0;
};

/**
 * One node, one step nearer: what differs is started anew, what is the same is kept running. Gives the names of the
 * objects that it now consists of; nothing where it was not this node's turn.
 */
export const bringToBlueprint = async (at: NodeTurn, isAllowed: boolean): Promise<string[] | undefined> => {
  const { turn, view, rendered } = at;
  const { name, nodeHash } = rendered;
  const known = turn.state.nodes[name];
  const isChanged = known?.hash !== nodeHash;
  if (isChanged && !isAllowed) return undefined;
  const record = recordOf(turn, name);
  const isStart = isDown(view.sets.get(name));
  // Back-off is for what has failed; another blueprint is tried at once.
  const isNew = isChanged && record.failedHash !== nodeHash;
  if (!isNew && record.failure !== undefined && !isDue(turn, record.nextAt)) return undefined;
  if (isStart && !mayStart(at, record)) return undefined;
  if (isStart) {
    expectEnd(turn, name, []);
    record.incarnation += 1;
  }
  if (isChanged || isStart || record.rendererVersion !== rendered.rendererVersion) writeDown(at, record);
  const { names, filled } = await applyObjects(at);
  delete record.waitingSince;
  if (record.failure?.reason !== "job_failed") clearFailure(record);
  const pod = view.pods.get(name);
  if (pod && pod.metadata.deletionTimestamp === undefined) await tendPod(at, filled, record, pod);
  return names;
};
