import { DomainError } from "@portolan/domain";
import { redact } from "@portolan/kit";
import { NodeFailure } from "../../node-failure.ts";
import { isJobPod } from "../cache/view.ts";
import { isStatus } from "../client/kube-error.ts";
import type { Condition, KubeObject, PodObject } from "../client/kube-object.ts";
import { kinds } from "../client/kube-paths.ts";
import type { WriteTurn } from "../context.ts";
import { labelKeys, ourSelector } from "../labels.ts";
import { readTail } from "../observe/tail.ts";
import type { RenderedNode } from "../render/rendered.ts";
import type { NodeRecord } from "./placement-state.ts";

interface JobObject extends KubeObject {
  spec?: { suspend?: boolean };
  status?: { succeeded?: number; failed?: number; conditions?: Condition[] };
}

const isTrue = (job: JobObject, ...types: string[]): boolean =>
  job.status?.conditions?.some(({ type, status }) => types.includes(type) && status === "True") ?? false;

const jobOf = (pod: PodObject): string | undefined => pod.metadata.labels?.["batch.kubernetes.io/job-name"];

const describe = async (turn: WriteTurn, job: JobObject, pods: readonly PodObject[]): Promise<NodeFailure> => {
  const pod = pods.find((one) => jobOf(one) === job.metadata.name);
  const container = pod?.spec.containers[0]?.name;
  const output = pod && container ? await readTail(turn, pod, container, 5) : "";
  const ended = pod?.status?.containerStatuses?.[0]?.state?.terminated;
  const how = ended === undefined ? "did not end in its time" : `ended with ${ended.exitCode}`;
  return new NodeFailure({
    reason: "job_failed",
    message:
      `The job ${container ?? job.metadata.name} ${how}.${output ? ` Its last lines: ${redact(output)}` : ""}`.slice(
        0,
        1500,
      ),
    hint: "It is tried again by itself; the node's logs have all of its output.",
  });
};

const mostTries = 3;

/** Takes a job away that was never let go, and only then: whose writer was refused. */
const withdraw = async (turn: WriteTurn, job: JobObject): Promise<void> => {
  let now: JobObject | undefined = job;
  for (let attempt = 0; attempt < mostTries && now?.spec?.suspend === true; attempt++) {
    await turn.objects.remove(kinds.Job, now, { isUnchanged: true });
    now = await turn.objects.get<JobObject>(kinds.Job, turn.namespace, job.metadata.name);
  }
};

/** Lets just this job go: one that is gone, since it was done, stays gone. */
const letGo = async (turn: WriteTurn, job: JobObject): Promise<void> => {
  const { name, uid } = job.metadata;
  try {
    await turn.step(`Job.${name}.start`);
  } catch (error) {
    const isRefused = error instanceof DomainError && error.code === "runtime.fence_stale";
    if (isRefused) await withdraw(turn, job).catch(() => undefined);
    throw error;
  }
  await turn.objects
    .patch(kinds.Job, turn.namespace, name, { metadata: { uid }, spec: { suspend: false } }, { isRepeatable: true })
    .catch((error: unknown) => {
      if (!isStatus(error, 404, 409, 422)) throw error;
    });
};

/**
 * Held back until the fence has been looked at once more: a job that a sleeper asks for may have been done, and cleared
 * away, long since.
 */
const startJob = async (turn: WriteTurn, rendered: object): Promise<void> => {
  const job = rendered as JobObject;
  const { name } = job.metadata;
  await turn.step(`Job.${name}.create`);
  let made: JobObject;
  try {
    const body = { ...job, spec: { ...job.spec, suspend: true } };
    made = await turn.objects.create<JobObject>(kinds.Job, turn.namespace, body);
  } catch (error) {
    // Made by the call before, whose answer was lost.
    if (isStatus(error, 409)) return;
    throw error;
  }
  await letGo(turn, made);
};

/** Takes away what a worker left that died after a job was written down as done. */
export const clearDoneJobs = async (
  turn: WriteTurn,
  node: RenderedNode,
  record: NodeRecord,
  pods: readonly PodObject[],
): Promise<void> => {
  const there = new Set(pods.filter(isJobPod).map(jobOf));
  for (const { key, job } of node.jobs) {
    const { name } = job.metadata;
    if (record.jobs[key] === undefined || !there.has(name)) continue;
    const found = await turn.objects.get<JobObject>(kinds.Job, turn.namespace, name);
    if (found === undefined || found.metadata.deletionTimestamp !== undefined) continue;
    await turn.step(`Job.${name}.clear`);
    await turn.objects.remove(kinds.Job, found);
  }
};

/**
 * One-off jobs that have not succeeded yet, once the node's programs answer. Started here, and looked at by a later
 * call: a job takes its time. Success is written down before the job's object goes.
 */
export const tendJobs = async (
  turn: WriteTurn,
  node: RenderedNode,
  record: NodeRecord,
  isUp: boolean,
): Promise<void> => {
  const open = node.jobs.filter(({ key }) => record.jobs[key] === undefined);
  const [next] = open;
  if (next === undefined) return;
  const { name } = next.job.metadata;
  const job = await turn.objects.get<JobObject>(kinds.Job, turn.namespace, name);
  if (job === undefined) {
    if (isUp) await startJob(turn, next.job);
    return;
  }
  if (job.metadata.deletionTimestamp !== undefined) return;
  if (job.spec?.suspend === true) {
    if (isUp) await letGo(turn, job);
    return;
  }
  if ((job.status?.succeeded ?? 0) > 0 || isTrue(job, "Complete", "SuccessCriteriaMet")) {
    record.jobs[next.key] = turn.clock.now().toISOString();
    await turn.save();
    await turn.step(`Job.${name}.recorded`);
    await turn.objects.remove(kinds.Job, job);
    if (open.length > 1) await tendJobs(turn, node, record, isUp);
    return;
  }
  if (!isTrue(job, "Failed", "FailureTarget")) return;
  const failure = await describe(turn, job, (await turn.look(turn.namespace)).otherPods);
  await turn.step(`Job.${name}.delete`);
  await turn.objects.remove(kinds.Job, job);
  throw failure;
};

/** Jobs under way are ended, and run again with the next start. */
export const endJobs = async (turn: WriteTurn, node?: { objectName: string }): Promise<void> => {
  const open = Object.values(turn.state.nodes).some((record) =>
    (record.jobKeys ?? []).some((key) => record.jobs[key] === undefined),
  );
  if (!open) return;
  const labelSelector = node ? `${ourSelector},${labelKeys.node}=${node.objectName}` : ourSelector;
  const { items } = await turn.objects.list<JobObject>(kinds.Job, { namespace: turn.namespace, labelSelector });
  for (const job of items) {
    await turn.step(`Job.${job.metadata.name}.delete`);
    await turn.objects.remove(kinds.Job, job);
  }
};
