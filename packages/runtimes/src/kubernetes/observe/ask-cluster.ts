import type { Failure } from "../../node-failure.ts";
import { nodeOf, type View } from "../cache/view.ts";
import type { EventObject, PodObject } from "../client/kube-object.ts";
import { kinds } from "../client/kube-paths.ts";
import type { Context } from "../context.ts";
import { findRefusal } from "../failure.ts";
import { maskSecrets, readTail } from "./tail.ts";
import type { Verdict } from "./verdict.ts";

const keepMs = 10_000;
const mostKept = 2_000;

export type ClusterAsker = ReturnType<typeof createClusterAsker>;

const timeOf = (event: EventObject): string =>
  event.lastTimestamp ?? event.eventTime ?? event.metadata.creationTimestamp ?? "";

/** Asks for what an object's status does not say: events, last lines. Answers are kept for ten seconds. */
export const createClusterAsker = (context: Pick<Context, "objects" | "client" | "clock">) => {
  const kept = new Map<string, { at: number; answer: Promise<unknown> }>();

  const remember = <T>(key: string, ask: () => Promise<T>): Promise<T> => {
    const now = performance.now();
    const last = kept.get(key);
    if (last && now - last.at < keepMs) return last.answer as Promise<T>;
    const answer = ask();
    if (kept.size > mostKept) kept.clear();
    kept.set(key, { at: now, answer });
    return answer;
  };

  /** Warnings about one object, newest first. */
  const warnings = (namespace: string, kind: string, name: string): Promise<EventObject[]> =>
    remember(`${namespace}/${kind}/${name}`, async () => {
      const fieldSelector = `involvedObject.kind=${kind},involvedObject.name=${name},type=Warning`;
      try {
        const { items } = await context.objects.list<EventObject>(kinds.Event, { namespace, fieldSelector });
        return items.sort((a, b) => (timeOf(a) > timeOf(b) ? -1 : 1));
      } catch {
        // Without the right to read them, the status has to do.
        return [];
      }
    });

  /** Why the controller makes no pod. */
  const explainAbsence = async (namespace: string, setName: string): Promise<Failure | undefined> => {
    for (const { reason, message = "" } of await warnings(namespace, kinds.StatefulSet.kind, setName)) {
      if (reason !== "FailedCreate") continue;
      return (
        findRefusal(message) ?? {
          reason: "pod_refused",
          message: "The cluster refuses the node's pod.",
          hint: "kubectl describe statefulset says why; it is tried again by itself.",
        }
      );
    }
    return undefined;
  };

  const explainClaim = async (view: View, namespace: string, node: string): Promise<Partial<Failure>> => {
    const open = view.claims.find((claim) => nodeOf(claim) === node && claim.status?.phase !== "Bound");
    if (!open) return {};
    const storageClass = open.spec?.storageClassName ?? "of the cluster's default, which there is none of";
    const [latest] = await warnings(namespace, kinds.PersistentVolumeClaim.kind, open.metadata.name);
    const isLost = open.status?.phase === "Lost";
    if (isLost) {
      const hint = "Restore a backup: what the claim was bound to is gone from the cluster.";
      return { reason: "volume_lost", message: "The node's data volume is lost.", hint };
    }
    if (/not found/.test(latest?.message ?? "")) {
      const hint = "Make that storage class, or name another in the region's settings.";
      return { message: `The storage class ${storageClass} is not in the cluster.`, hint };
    }
    return {
      message: `A data volume of the node is not bound (storage class: ${storageClass}).`,
      hint: `${latest?.reason === "ProvisioningFailed" ? "Its provisioner fails" : "Nothing has made it yet"}: kubectl describe pvc ${open.metadata.name} -n ${namespace} says more.`,
    };
  };

  const explainMounts = async (pod: PodObject): Promise<Partial<Failure>> => {
    const found = await warnings(pod.metadata.namespace ?? "", kinds.Pod.kind, pod.metadata.name);
    const mount = found.find(({ reason }) => reason === "FailedMount" || reason === "FailedAttachVolume");
    if (!mount) return {};
    return {
      reason: "volume_unmounted",
      message: "A volume of the node can't be mounted on its machine.",
      hint: "kubectl describe pod says why; a volume that hangs on a machine that is gone comes free once that is removed.",
    };
  };

  const explainEnd = async (pod: PodObject, ask: { container: string }): Promise<string> => {
    const statuses = [...(pod.status?.initContainerStatuses ?? []), ...(pod.status?.containerStatuses ?? [])];
    const status = statuses.find(({ name }) => name === ask.container);
    const end = status?.state?.terminated ?? status?.lastState?.terminated;
    const key = `${pod.metadata.uid}/${ask.container}/${end?.containerID ?? status?.restartCount}`;
    return remember(key, async () => {
      const said = end?.message?.trim();
      if (said) return (await maskSecrets(context, pod, said)).split("\n").slice(-5).join(" | ");
      const isPrevious = status?.state?.terminated === undefined;
      return readTail(context, pod, ask.container, 5, isPrevious);
    });
  };

  return {
    explainAbsence,
    /** The verdict with what the cluster says besides. */
    explain: async (verdict: Verdict, view: View, namespace: string, node: string): Promise<Verdict> => {
      const { ask, ...plain } = verdict;
      const pod = view.pods.get(node);
      if (ask === "claim") return { ...plain, ...(await explainClaim(view, namespace, node)) };
      if (ask === "events" && pod) {
        const found = await explainMounts(pod);
        return found.reason === undefined ? plain : { ...plain, ...found, state: "failed" };
      }
      if (typeof ask === "object" && pod) {
        const output = await explainEnd(pod, ask);
        return output ? { ...plain, message: `${plain.message} Its last lines: ${output}`.slice(0, 1500) } : plain;
      }
      return plain;
    },
  };
};
