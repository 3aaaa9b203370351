import type { NodeObservation, PlacementObservation } from "@portolan/domain";
import type { PlacementRef } from "../../runtime.ts";
import { restartsOf } from "../cache/pod-ledger.ts";
import { isJobPod, nodeOf, toView, type View } from "../cache/view.ts";
import { findDrift, recallApplied } from "../change/ensure.ts";
import { type NodeRecord, parseState, stateAnnotation } from "../change/placement-state.ts";
import type { NamespaceObject, PodObject, StatefulSetObject } from "../client/kube-object.ts";
import type { Context } from "../context.ts";
import { annotationKeys } from "../labels.ts";
import { toBytes } from "../quantity.ts";
import { beside, toNamespaceName } from "../space.ts";
import type { ClusterAsker } from "./ask-cluster.ts";
import { judgePod } from "./judge.ts";
import type { Verdict } from "./verdict.ts";

/** The controller makes a pod at once; later than this there is a reason. */
const podWaitMs = 2_000;
/** A pod that is still starting after this is asked about. */
const startWaitMs = 20_000;

/** Why a namespace that is being removed is still there; `undefined` for one that is not. */
export const describeEnding = (namespace: NamespaceObject | undefined): Verdict | undefined => {
  if (namespace?.metadata.deletionTimestamp === undefined) return undefined;
  const open = (namespace.status?.conditions ?? []).filter(
    ({ type, status }) => status === "True" && type !== "NamespaceDeletionDiscoveryFailure",
  );
  const words = open.map(({ message = "" }) => message.slice(0, 300)).join(" ");
  const holds = /finalizer/.test(words) ? "a finalizer of another program holds it" : "its contents are going";
  return {
    state: "failed",
    reason: "namespace_terminating",
    message: `The chain's namespace is being removed; ${holds}.${words ? ` ${words}` : ""}`.slice(0, 1000),
    hint: `kubectl get namespace ${namespace.metadata.name} -o yaml names what is left; the program that set the finalizer must take it off.`,
  };
};

const judgeAbsence = async (
  asker: ClusterAsker,
  context: Context,
  namespace: string,
  set: StatefulSetObject,
): Promise<Verdict> => {
  const ageMs = context.clock.now().getTime() - Date.parse(set.metadata.creationTimestamp ?? "");
  const why = ageMs > podWaitMs ? await asker.explainAbsence(namespace, set.metadata.name) : undefined;
  if (why) return { state: "failed", ...why };
  return { state: "starting", reason: "pod_awaited", message: "The cluster has not made the node's pod yet." };
};

const withRecord = (verdict: Verdict, record: NodeRecord | undefined): Verdict => {
  const failure = record?.failure;
  if (verdict.state === "running") {
    const isJobOpen = (record?.jobKeys ?? []).some((key) => record?.jobs[key] === undefined);
    if (isJobOpen) {
      if (failure) return { ...failure, state: "failed" };
      return { state: "starting", reason: "job_pending", message: "A one-off job is still to be run." };
    }
    return failure ? { ...failure, state: "running" } : verdict;
  }
  return failure && (verdict.state === "starting" || verdict.state === "stopped")
    ? { ...failure, state: verdict.state === "stopped" ? "stopped" : "failed" }
    : verdict;
};

const judge = async (
  asker: ClusterAsker,
  context: Context,
  view: View,
  namespace: string,
  name: string,
  record: NodeRecord | undefined,
): Promise<Verdict> => {
  const set = view.sets.get(name);
  const pod = view.pods.get(name);
  const ending = describeEnding(view.namespace);
  if (ending) return ending;
  if (set === undefined || set.metadata.deletionTimestamp !== undefined) {
    if (pod) return { state: "stopped", reason: "stopping", message: "The node's pod is ending." };
    if (record?.failure) return { state: "failed", ...record.failure };
    return {
      state: "absent",
      reason: "waits_for_nodes",
      message: "Other nodes should answer before this one is started.",
    };
  }
  if (set.spec.replicas === 0) {
    if (pod) return { state: "stopped", reason: "stopping", message: "The node's pod is ending." };
    return withRecord({ state: "stopped" }, record);
  }
  if (!pod) return withRecord(await judgeAbsence(asker, context, namespace, set), record);
  const nowMs = context.clock.now().getTime();
  const verdict = judgePod(pod, nowMs);
  const ageMs = nowMs - Date.parse(pod.metadata.creationTimestamp ?? "");
  const isSlow = verdict.state === "starting" && ageMs > startWaitMs && pod.metadata.deletionTimestamp === undefined;
  return withRecord(
    await asker.explain(isSlow ? { ...verdict, ask: "events" } : verdict, view, namespace, name),
    record,
  );
};

const startOf = (pod: PodObject): string | undefined =>
  pod.status?.containerStatuses?.[0]?.state?.running?.startedAt ?? pod.status?.startTime;

const storageOf = (view: View, node: string): bigint =>
  view.claims
    .filter((claim) => nodeOf(claim) === node)
    .reduce(
      (sum, { status, spec }) => sum + toBytes(status?.capacity?.storage ?? spec?.resources?.requests?.storage),
      0n,
    );

const observeNode = async (
  asker: ClusterAsker,
  context: Context,
  view: View,
  namespace: string,
  name: string,
  record: NodeRecord | undefined,
): Promise<NodeObservation> => {
  const set = view.sets.get(name);
  const pod = view.pods.get(name);
  const key = `${namespace}/${name}`;
  if (pod) context.ledger.see(key, pod);
  const counted = record ?? { incarnation: 0 };
  const { incarnation, unasked } = context.ledger.count(key, counted);
  const running = pod?.metadata.deletionTimestamp === undefined ? pod : undefined;
  const annotations = running?.metadata.annotations ?? set?.spec.template.metadata?.annotations ?? {};
  const appliedHash = annotations[annotationKeys.nodeHash] ?? set?.metadata.annotations?.[annotationKeys.nodeHash];
  const version = set?.metadata.annotations?.[annotationKeys.rendererVersion];
  const startedAt = running && startOf(running);
  const verdict = await judge(asker, context, view, namespace, name, record);
  return {
    node: name,
    ...verdict,
    ...(set === undefined || appliedHash === undefined ? {} : { appliedHash }),
    ...(version === undefined ? {} : { rendererVersion: Number(version) }),
    // A node whose record was lost was started at least once.
    incarnation: record === undefined && pod ? Math.max(1, incarnation, 1 + restartsOf(pod)) : incarnation,
    ...(startedAt === undefined ? {} : { startedAt }),
    storageBytes: String(storageOf(view, name)),
    restarts: (record?.restarts ?? 0) + unasked,
  };
};

/** A worker died between a job's being written down as done and its object's end. */
const hasLeftJob = (view: View, records: { [node: string]: NodeRecord }): boolean =>
  view.otherPods.some((pod) => {
    const { jobKeys = [], jobs = {} } = records[nodeOf(pod) ?? ""] ?? {};
    return isJobPod(pod) && jobKeys.length > 0 && jobKeys.every((key) => jobs[key] !== undefined);
  });

/** Whether starts happened, or objects were changed by others, that the next apply must write down or undo. */
const isUnsettled = (
  context: Context,
  view: View,
  namespace: string,
  records: { [node: string]: NodeRecord },
): boolean => {
  if (!context.applied.has(namespace))
    recallApplied(context, namespace, parseState(view.namespace?.metadata.annotations?.[stateAnnotation]));
  if (findDrift(context, namespace).length > 0 || context.entry.isChanged(namespace)) return true;
  if (!context.renewed.has(namespace) && context.isTurnAnew(namespace)) return true;
  if (hasLeftJob(view, records)) return true;
  return [...view.pods].some(([name, pod]) => {
    const record = records[name];
    if (pod.metadata.deletionTimestamp !== undefined || !view.sets.has(name) || record === undefined) return false;
    return record.pod !== pod.metadata.uid || (record.podRestarts ?? 0) !== restartsOf(pod);
  });
};

/** What runs in one of a placement's namespaces. */
const observeSpace = async (
  context: Context,
  asker: ClusterAsker,
  namespace: string,
): Promise<PlacementObservation> => {
  const view = await context.look(namespace);
  if (view.namespace === undefined) return { nodes: [], volumes: [] };
  const {
    nodes: records,
    hasRoutes,
    registries = [],
  } = parseState(view.namespace.metadata.annotations?.[stateAnnotation]);
  // Since a restart all is applied once anyhow; after that they are to be there.
  const lacksRoutes = hasRoutes === true && context.applied.has(namespace) && !context.entry.isWritten(namespace);
  const isEnding = view.namespace.metadata.deletionTimestamp !== undefined;
  const shown = new Set([...view.sets.keys(), ...view.pods.keys()]);
  for (const [name, record] of Object.entries(records)) {
    if (isEnding || record.failure !== undefined || record.waitingSince !== undefined) shown.add(name);
  }
  const nodes = await Promise.all(
    [...shown].map((name) => observeNode(asker, context, view, namespace, name, records[name])),
  );
  const volumes = view.claims.flatMap(({ metadata }) => metadata.annotations?.[annotationKeys.volume] ?? []);
  return {
    nodes: nodes.sort((a, b) => (a.node < b.node ? -1 : 1)),
    volumes: volumes.sort(),
    ...(registries.length === 0 ? {} : { registries }),
    ...(!isEnding && (lacksRoutes || isUnsettled(context, view, namespace, records)) ? { isUnsettled: true } : {}),
  };
};

/** What runs of a placement. Writes nothing and needs no fence. */
export const observePlacement = async (
  context: Context,
  asker: ClusterAsker,
  placement: PlacementRef,
): Promise<PlacementObservation> => {
  const name = toNamespaceName(placement);
  const own = await observeSpace(context, asker, name);
  const { namespace } = toView(context.cache, name);
  const state = namespace?.metadata.annotations?.[stateAnnotation];
  if (namespace !== undefined && parseState(state).hasApart !== true) return own;
  const other = await observeSpace(context, asker, toNamespaceName(beside(placement)));
  return {
    ...own,
    ...other,
    nodes: [...own.nodes, ...other.nodes].sort((a, b) => (a.node < b.node ? -1 : 1)),
    volumes: [...own.volumes, ...other.volumes].sort(),
    ...(own.isUnsettled === true ? { isUnsettled: true } : {}),
  };
};
