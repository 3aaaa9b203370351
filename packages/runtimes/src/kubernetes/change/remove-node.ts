import { nodeOf, type View } from "../cache/view.ts";
import { kinds } from "../client/kube-paths.ts";
import type { WriteTurn } from "../context.ts";
import { expectEnd } from "./end-pods.ts";
import { forgetApplied } from "./ensure.ts";
import { endJobs } from "./jobs.ts";
import { emptyRecord } from "./placement-state.ts";

/**
 * Ends a node, with its pod's grace, and does not wait for that; its data volumes stay. What its data had done to it
 * stays known as long as they do.
 */
export const removeNode = async (turn: WriteTurn, view: View, name: string): Promise<void> => {
  const set = view.sets.get(name);
  const pod = view.pods.get(name);
  if (set || pod) expectEnd(turn, name, pod ? [pod] : []);
  if (set) {
    await endJobs(turn, { objectName: set.metadata.name });
    await turn.save();
    await turn.step(`StatefulSet.${set.metadata.name}.delete`);
    await turn.objects.remove(kinds.StatefulSet, set);
    forgetApplied(turn, kinds.StatefulSet, set.metadata.name);
  } else if (pod && pod.metadata.deletionTimestamp === undefined) {
    await turn.step(`Pod.${pod.metadata.name}.delete`);
    await turn.objects.remove(kinds.Pod, pod);
  }
  const hasData = view.claims.some((claim) => nodeOf(claim) === name);
  const { jobs = {}, incarnation = 0 } = turn.state.nodes[name] ?? {};
  if (hasData) turn.state.nodes[name] = { ...emptyRecord(), jobs, incarnation };
  else if (!pod) delete turn.state.nodes[name];
};
