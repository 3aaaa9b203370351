import type { PodObject } from "../client/kube-object.ts";
import type { Verdict } from "./verdict.ts";

/** The scheduler's words, of today and of before, for a volume that is on a machine which the pod may not go to. */
const staysPut = /PersistentVolume's node affinity|volume node affinity/;
const awaitsVolume = /PersistentVolumeClaim|persistentvolumeclaim|persistent volumes to bind/;

const toWants = (message: string): string[] => [
  ...(/Insufficient cpu/.test(message) ? ["cpu"] : []),
  ...(/Insufficient memory/.test(message) ? ["memory"] : []),
];

/** Why no machine takes the pod, in the words of the scheduler's message; `undefined` where one did. Pure. */
export const judgeScheduling = (pod: PodObject): Verdict | undefined => {
  const condition = pod.status?.conditions?.find(({ type }) => type === "PodScheduled");
  if (condition?.status !== "False") return undefined;
  const message = condition.message ?? "";
  if (awaitsVolume.test(message)) {
    return {
      state: "failed",
      reason: "volume_unbound",
      message: "A data volume of the node is not there yet.",
      hint: "The storage class must be able to make it: kubectl describe pvc says what it waits for.",
      ask: "claim",
    };
  }
  const wants = toWants(message);
  const isHeld = staysPut.test(message);
  if (wants.length > 0) {
    const where = isHeld ? "The machine that the node's volume is on has not" : "No machine of the cluster has";
    return {
      state: "failed",
      reason: "unschedulable",
      message: `${where} enough ${wants.join(" and ")} left for the node.`,
      hint: isHeld
        ? "Make room on that machine, or choose a smaller plan: the volume can't move; it is tried again by itself."
        : "Add a machine to the cluster, or choose a smaller plan; it is tried again by itself.",
    };
  }
  if (isHeld) {
    return {
      state: "failed",
      reason: "volume_stays",
      message: "The node's data is on a machine that takes no pods at present, and its volume can't move to another.",
      hint: "Let that machine take pods again (kubectl uncordon): the node comes back by itself, with its data. Where the machine is gone, restore a backup; a region whose storage class has volumes that move is not held so.",
    };
  }
  return {
    state: "failed",
    reason: "unschedulable",
    message: "No machine of the cluster may take the node.",
    hint: "Its taints, selectors or spread forbid it, or it is cordoned: kubectl describe pod says which; it is tried again by itself.",
  };
};
