import { redact } from "@portolan/kit";
import { NodeFailure } from "../../node-failure.ts";
import { isStatus } from "../client/kube-error.ts";
import type { Condition, KubeObject, PodObject } from "../client/kube-object.ts";
import { kinds } from "../client/kube-paths.ts";
import type { WriteTurn } from "../context.ts";
import { labelKeys, ourSelector } from "../labels.ts";
import { readTail } from "../observe/tail.ts";
import type { RenderedNode } from "../render/rendered.ts";
import type { NodeRecord } from "./placement-state.ts";

interface JobObject extends KubeObject {
  status?: { succeeded?: number; failed?: number; conditions?: Condition[] };
}

const isTrue = (job: JobObject, ...types: string[]): boolean =>
  job.status?.conditions?.some(({ type, status }) => types.includes(type) && status === "True") ?? false;

const describe = async (turn: WriteTurn, job: JobObject, pods: readonly PodObject[]): Promise<NodeFailure> => {
  const pod = pods.find((one) => one.metadata.labels?.["batch.kubernetes.io/job-name"] === job.metadata.name);
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
    if (!isUp) return;
    await turn.step(`Job.${name}.create`);
    await turn.objects.create(kinds.Job, turn.namespace, next.job).catch((error: unknown) => {
      // Started by the call before, whose answer was lost.
      if (!isStatus(error, 409)) throw error;
    });
    return;
  }
  if (job.metadata.deletionTimestamp !== undefined) return;
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
