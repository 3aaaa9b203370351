import { setTimeout as sleep } from "node:timers/promises";
import { DomainError } from "@portolan/domain";
import { isStatus } from "../client/kube-error.ts";
import type { PodObject, StatefulSetObject } from "../client/kube-object.ts";
import { kinds } from "../client/kube-paths.ts";
import type { WriteTurn } from "../context.ts";
import { forgetApplied } from "./ensure.ts";
import { emptyRecord, type NodeRecord } from "./placement-state.ts";

const firstPollMs = 40;
const slowestPollMs = 400;

export const ledgerKey = (turn: Pick<WriteTurn, "namespace">, node: string): string => `${turn.namespace}/${node}`;

/** The node's record; made where there is none yet. */
export const recordOf = (turn: Pick<WriteTurn, "state">, node: string): NodeRecord => {
  const record = turn.state.nodes[node] ?? emptyRecord();
  turn.state.nodes[node] = record;
  return record;
};

/** Writes down the starts up to now; the node's next pod is one that we cause. */
export const expectEnd = (turn: WriteTurn, node: string, pods: readonly PodObject[]): void => {
  const record = recordOf(turn, node);
  const key = ledgerKey(turn, node);
  const { incarnation, unasked } = turn.ledger.count(key, record);
  record.incarnation = incarnation;
  record.restarts += unasked;
  delete record.pod;
  delete record.podRestarts;
  turn.ledger.expectEnd(
    key,
    pods.flatMap(({ metadata }) => metadata.uid ?? []),
  );
};

/** Waits while `isOpen` says so, looking at the API server itself. True when it ended in time. */
export const waitWhile = async (
  turn: WriteTurn,
  waitMs: number,
  isOpen: (view: Awaited<ReturnType<WriteTurn["look"]>>) => boolean,
): Promise<boolean> => {
  const endsAt = performance.now() + waitMs;
  for (let pollMs = firstPollMs; ; pollMs = Math.min(pollMs * 1.5, slowestPollMs)) {
    if (!isOpen(await turn.look(turn.namespace, true))) return true;
    if (performance.now() + pollMs > endsAt) return false;
    await sleep(pollMs);
    await turn.step("end.wait");
  }
};

const graceOf = (pods: readonly PodObject[]): number =>
  Math.max(0, ...pods.map(({ spec }) => (spec.terminationGracePeriodSeconds ?? 30) * 1000));

const scaleDown = async (turn: WriteTurn, set: StatefulSetObject): Promise<void> => {
  const { name } = set.metadata;
  for (let now: StatefulSetObject | undefined = set, attempt = 0; now && now.spec.replicas !== 0; attempt++) {
    await turn.step(`StatefulSet.${name}.scale`);
    const { resourceVersion } = now.metadata;
    try {
      await turn.objects.patch(kinds.StatefulSet, turn.namespace, name, {
        metadata: { resourceVersion },
        spec: { replicas: 0 },
      });
      break;
    } catch (error) {
      if (!isStatus(error, 404, 409) || attempt >= 5) throw error;
      now = await turn.objects.get<StatefulSetObject>(kinds.StatefulSet, turn.namespace, name);
    }
  }
  forgetApplied(turn, kinds.StatefulSet, name);
};

/** Ends the programs of these nodes, each with its grace, and waits until their pods are gone. */
export const endPods = async (turn: WriteTurn, nodes: readonly string[]): Promise<void> => {
  const view = await turn.look(turn.namespace);
  const ending: PodObject[] = [];
  for (const node of nodes) {
    const pod = view.pods.get(node);
    const set = view.sets.get(node);
    if (pod) ending.push(pod);
    if (set && set.spec.replicas !== 0) expectEnd(turn, node, pod ? [pod] : []);
  }
  await turn.save();
  await Promise.all(
    nodes.map(async (node) => {
      const set = view.sets.get(node);
      if (set) await scaleDown(turn, set);
      // A pod without its set (the set was deleted by others, or by us before a crash) is ended by itself.
      const pod = view.pods.get(node);
      if (!set && pod && pod.metadata.deletionTimestamp === undefined) {
        await turn.step(`Pod.${pod.metadata.name}.delete`);
        await turn.objects.remove(kinds.Pod, pod);
      }
    }),
  );
  const isGone = await waitWhile(turn, graceOf(ending) + turn.endWaitMs, (now) =>
    nodes.some((node) => now.pods.has(node)),
  );
  if (isGone) return;
  const left = (await turn.look(turn.namespace)).pods;
  const hanging = nodes.filter((node) => left.has(node));
  throw new DomainError({
    code: "runtime.failed",
    message: `The programs of ${hanging.join(", ")} have not ended in their time.`,
    hint: "The machine they stand on may be gone: kubectl get pods -o wide names it. It is tried again by itself.",
    retryable: true,
  });
};
