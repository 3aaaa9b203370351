import { randomBytes } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import type { KubeClient } from "../client/client.ts";
import { isStatus, KubeError } from "../client/kube-error.ts";
import type { ClaimObject, EventObject, KubeObject, ListOf, PodObject, ServiceObject } from "../client/kube-object.ts";
import { kinds, toPath } from "../client/kube-paths.ts";
import { createKubeObjects, type KubeObjects } from "../client/objects.ts";
import type { KubernetesSettings } from "../settings.ts";
import { type Finding, note, ok, wrong } from "./finding.ts";
import { checkReach } from "./reach.ts";
import {
  closedPort,
  openPort,
  privilegedPod,
  type TrialPod,
  trialClaim,
  trialLabel,
  trialNamespace,
  trialPod,
  trialPolicies,
  trialService,
} from "./trial-objects.ts";
import { judgeNetwork, type ProbeResult } from "./trial-verdict.ts";

export interface TrialDeps {
  client: KubeClient;
  settings: KubernetesSettings;
  toolsImage: string;
  signal: AbortSignal;
  /** How long pods may take to run, an image's first pull included. */
  startMs?: number;
  /** How long policies may take to be enforced. */
  policyMs?: number;
}

interface Turn extends TrialDeps {
  objects: KubeObjects;
  namespace: string;
}

const pollMs = 500;
const staleMs = 600_000;

/** Removes what checks that were killed have left. */
const clearOld = async ({ objects }: Turn): Promise<void> => {
  const { items } = await objects.list<KubeObject>(kinds.Namespace, { labelSelector: `${trialLabel}=true` });
  for (const item of items)
    if (Date.parse(item.metadata.creationTimestamp ?? "") < Date.now() - staleMs)
      await objects.remove(kinds.Namespace, item);
};

const checkAdmission = async ({ client, namespace, settings }: Turn): Promise<Finding> => {
  const level = settings.podSecurity;
  if (level === "privileged")
    return note(
      "admission",
      "the settings let placements' pods be privileged",
      "Leave podSecurity out: everything keeps to `restricted`.",
    );
  try {
    await client.request({
      method: "POST",
      path: toPath(kinds.Pod, { namespace }),
      query: { dryRun: "All" },
      body: privilegedPod(namespace),
    });
  } catch (error) {
    if (error instanceof KubeError && error.status === 403 && /PodSecurity/.test(error.message))
      return ok("admission", `a privileged pod is refused (Pod Security ${level})`);
    if (isStatus(error, 403)) return ok("admission", "a privileged pod is refused");
    throw error;
  }
  return wrong(
    "admission",
    "A privileged pod is admitted: Pod Security is not enforced.",
    "Switch the admission plugin PodSecurity on in the API server (it is by default).",
  );
};

/** What keeps a pod from running, as its status and events say it; undefined: nothing yet. */
const troubleOf = async ({ objects, namespace, toolsImage }: Turn, pod: PodObject): Promise<Finding | undefined> => {
  const waiting = pod.status?.containerStatuses?.[0]?.state?.waiting;
  if (
    waiting?.reason === "ErrImagePull" ||
    waiting?.reason === "ImagePullBackOff" ||
    waiting?.reason === "InvalidImageName"
  )
    return wrong(
      "image",
      `${pod.spec.containers[0]?.image ?? toolsImage} can't be pulled: ${(waiting.message ?? waiting.reason).slice(0, 300)}`,
      "Name a mirror (--mirror), another image (--tools-image) or the registry's credentials (--pull-secret).",
    );
  const scheduled = pod.status?.conditions?.find(({ type }) => type === "PodScheduled");
  if (scheduled?.status !== "False") return undefined;
  const claim = await objects.get<ClaimObject>(kinds.PersistentVolumeClaim, namespace, "data");
  if (pod.metadata.name === "one" && claim?.status?.phase !== "Bound") {
    const said = await lastEvent({ objects, namespace }, "data");
    return wrong(
      "storage",
      `A volume of 16 MiB is not bound: ${said ?? scheduled.message ?? "nobody says why"}`.slice(0, 400),
      "Look at the storage class and its driver: kubectl describe storageclass.",
    );
  }
  return wrong(
    "pods",
    `A pod finds no place: ${scheduled.message ?? "unknown"}`.slice(0, 400),
    "Look at the nodes' room, taints and the settings' nodeSelector and tolerations.",
  );
};

const lastEvent = async ({ objects, namespace }: Pick<Turn, "objects" | "namespace">, name: string) => {
  const { items } = await objects
    .list<EventObject>(kinds.Event, { namespace, fieldSelector: `involvedObject.name=${name}` })
    .catch((): ListOf<EventObject> => ({ metadata: {}, items: [] }));
  return (items ?? []).findLast(({ type }) => type === "Warning")?.message;
};

/** Waits until both pods run. A cluster out of room or with a slow registry says so itself; only its last word counts. */
const waitForPods = async (turn: Turn): Promise<Finding | undefined> => {
  const endsAt = performance.now() + (turn.startMs ?? 120_000);
  for (;;) {
    const pods = await Promise.all(
      (["one", "two"] as const).map((name) => turn.objects.get<PodObject>(kinds.Pod, turn.namespace, name)),
    );
    const open = pods.filter((pod) => pod?.status?.phase !== "Running");
    if (open.length === 0) return undefined;
    const isLate = performance.now() > endsAt;
    for (const pod of open) {
      const trouble = pod === undefined ? undefined : await troubleOf(turn, pod);
      if (trouble !== undefined && (isLate || trouble.check === "image")) return trouble;
      if (pod?.status?.phase === "Failed" || pod?.status?.phase === "Succeeded")
        return wrong(
          "pods",
          `A trial's pod ended at once: ${await logOf(turn, pod.metadata.name)}`.slice(0, 400),
          "The tools image must have `node` on its PATH.",
        );
    }
    if (isLate)
      return wrong(
        "pods",
        "A pod does not start, and nobody says why.",
        "Look at the nodes: kubectl get nodes, kubectl describe pod.",
      );
    await sleep(pollMs, undefined, { signal: turn.signal });
  }
};

const logOf = async ({ client, namespace }: Turn, name: string): Promise<string> => {
  const answer = await client.stream({ method: "GET", path: toPath(kinds.Pod, { namespace, name, below: "log" }) });
  let text = "";
  for await (const piece of answer) text += String(piece).slice(0, 100_000);
  return text;
};

const resultOf = async (turn: Turn, name: string, waitMs: number): Promise<ProbeResult | undefined> => {
  const endsAt = performance.now() + waitMs;
  while (performance.now() < endsAt) {
    const line = (await logOf(turn, name).catch(() => "")).split("\n").find((one) => one.startsWith("RESULT "));
    if (line !== undefined) return JSON.parse(line.slice("RESULT ".length)) as ProbeResult;
    await sleep(pollMs, undefined, { signal: turn.signal });
  }
  return undefined;
};

const pods = (turn: Turn, one: string, two: string): TrialPod[] => {
  const { namespace, settings, policyMs = 30_000 } = turn;
  const common = { namespace, patienceMs: policyMs };
  return [
    {
      ...common,
      role: "one",
      dials: { out: { host: two, port: openPort, shouldConnect: false } },
      hasVolume: true,
    },
    {
      ...common,
      role: "two",
      dials: {
        open: { host: one, port: openPort, shouldConnect: true },
        closed: { host: one, port: closedPort, shouldConnect: false },
      },
      nameToAsk: `one.${namespace}.svc.${settings.clusterDomain}`,
      hasVolume: false,
    },
  ];
};

const copyPullSecret = async ({ objects, namespace, settings }: Turn): Promise<void> => {
  const { pullSecret } = settings;
  if (pullSecret === undefined) return;
  const found = await objects.get<KubeObject & { data?: object; type?: string }>(
    kinds.Secret,
    pullSecret.namespace,
    pullSecret.name,
  );
  await objects.create(kinds.Secret, namespace, {
    apiVersion: "v1",
    kind: "Secret",
    metadata: { name: "pull", namespace },
    type: found?.type ?? "kubernetes.io/dockerconfigjson",
    data: found?.data ?? {},
  });
};

const runPods = async function* (turn: Turn): AsyncGenerator<Finding> {
  const { objects, namespace, settings } = turn;
  await copyPullSecret(turn);
  for (const policy of trialPolicies(namespace, settings)) await objects.create(kinds.NetworkPolicy, namespace, policy);
  const addresses: string[] = [];
  for (const role of ["one", "two"] as const) {
    const made = await objects.create<ServiceObject>(kinds.Service, namespace, trialService(namespace, role));
    addresses.push(made.spec?.clusterIP ?? "");
  }
  await objects.create(kinds.PersistentVolumeClaim, namespace, trialClaim(namespace, settings));
  const [one = "", two = ""] = addresses;
  const startedAt = performance.now();
  for (const pod of pods(turn, one, two))
    await objects.create(kinds.Pod, namespace, trialPod(pod, settings, turn.toolsImage));
  const trouble = await waitForPods(turn);
  if (trouble !== undefined) {
    yield trouble;
    return;
  }
  yield ok("pods", `two run after ${((performance.now() - startedAt) / 1000).toFixed(1)} s, image and volume there`);
  const waitMs = (turn.policyMs ?? 30_000) + 15_000;
  const [first, second] = await Promise.all([resultOf(turn, "one", waitMs), resultOf(turn, "two", waitMs)]);
  yield judgeNetwork(first, second);
  if (first?.written === false)
    yield wrong("storage", "A pod can't write to its volume.", "The storage class's driver must honour fsGroup.");
  if (second !== undefined)
    yield second.named === true
      ? ok("names", "pods are told services' addresses")
      : wrong(
          "names",
          `A pod can't find one.${namespace}.svc.${settings.clusterDomain}.`,
          "Look at the cluster's DNS, --cluster-domain, and the settings' `dns` peers.",
        );
  yield await checkReach(settings, namespace, one);
};

/** A namespace of its own with two pods as chains have them; nothing is left of it. */
export const runTrial = async function* (deps: TrialDeps): AsyncGenerator<Finding> {
  const objects = createKubeObjects({ client: deps.client });
  const turn: Turn = { ...deps, objects, namespace: `portolan-check-${randomBytes(4).toString("hex")}` };
  await clearOld(turn);
  const made = await objects.create<KubeObject>(
    kinds.Namespace,
    undefined,
    trialNamespace(turn.namespace, deps.settings.podSecurity),
  );
  try {
    yield await checkAdmission(turn);
    yield* runPods(turn);
  } finally {
    await objects.remove(kinds.Namespace, made);
  }
};
