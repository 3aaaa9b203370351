import { DomainError } from "@portolan/domain";
import type { Logger } from "@portolan/kit";
import { isStatus } from "../client/kube-error.ts";
import type { KubeObject } from "../client/kube-object.ts";
import { kinds } from "../client/kube-paths.ts";
import type { KubeObjects } from "../client/objects.ts";
import { sharedNames } from "../names.ts";
import type { KubernetesSettings } from "../settings.ts";
import {
  entryLabels,
  entryNamespaceOf,
  namespaceOfKey,
  shardNames,
  shardOf,
  toEgressName,
  toRouteKey,
  toRouteManager,
} from "./names.ts";
import { createPortLedger, type PortOwner } from "./port-ledger.ts";
import { readProgramFiles } from "./program-files.ts";
import { renderEntry } from "./render-entry.ts";

interface RoutesObject extends KubeObject {
  data?: { [key: string]: string };
}
interface SecretObject extends KubeObject {
  type?: string;
  data?: { [key: string]: string };
}

/** What was applied is applied again after this, whatever became of it. */
const applyEveryMs = 300_000;
/** Routes are looked at this often: a change by others is undone by the placement's next turn. */
const lookEveryMs = 60_000;
const mostTries = 5;
const mostAsked = 5;

/** Of one placement's routes; what can't be read has none. */
const numbersOf = (routes: string): number[] => {
  try {
    const list = JSON.parse(routes) as readonly { number?: unknown }[];
    return list.flatMap(({ number }) => (typeof number === "number" ? [number] : []));
  } catch {
    return [];
  }
};

export type Entry = ReturnType<typeof createEntry>;

const toRefusal = (error: unknown): DomainError =>
  new DomainError({
    code: "runtime.failed",
    message: "The region's entry for callers from outside could not be made.",
    hint: isStatus(error, 403)
      ? "The worker's account may not: kubectl apply -f deploy/kubernetes/rbac.yaml."
      : "`portolan regions check` says what the cluster can't do; the worker's log names the cause.",
    retryable: true,
    cause: error,
  });

/** The region's one way in for callers from outside: makes it, and keeps the routes that placements want. */
export const createEntry = (deps: {
  objects: Pick<KubeObjects, "get" | "list" | "apply" | "create" | "patch" | "remove">;
  settings: KubernetesSettings;
  toolsImage: string;
  log: Pick<Logger, "warn">;
}) => {
  const { objects, settings, toolsImage, log } = deps;
  const { entry } = settings;
  const namespace = entryNamespaceOf(settings);
  const selector = Object.entries(entryLabels)
    .map(([key, value]) => `${key}=${value}`)
    .join(",");
  const ledger = createPortLedger({ objects, namespace });
  let appliedAt: number | undefined;
  let lookedAt: number | undefined;
  /** Namespace of a placement → its routes, as this process wrote them, and as they were listed after that. */
  const written = new Map<string, { routes: string; at: number }>();
  const listed = new Map<string, string>();
  /** Names of the policies that open the entry's ways. */
  let allowed: ReadonlySet<string> = new Set();
  let asked = 0;

  const makeNamespace = async (): Promise<void> => {
    if ((await objects.get(kinds.Namespace, undefined, namespace)) !== undefined) return;
    const body = { apiVersion: "v1", kind: "Namespace", metadata: { name: namespace, labels: { ...entryLabels } } };
    await objects.create(kinds.Namespace, undefined, body).catch((error: unknown) => {
      if (!isStatus(error, 409)) throw error;
    });
  };

  const copyPullSecret = async (): Promise<void> => {
    const { pullSecret } = settings;
    if (pullSecret === undefined) return;
    const found = await objects.get<SecretObject>(kinds.Secret, pullSecret.namespace, pullSecret.name);
    if (found?.type === undefined) return;
    const metadata = { name: sharedNames.pullSecret, namespace, labels: { ...entryLabels } };
    await objects.apply({ apiVersion: "v1", kind: "Secret", metadata, type: found.type, data: found.data ?? {} });
  };

  /** Brings the entry to what it should be, at most every few minutes. Throws what its caller can show. */
  const ensure = async (): Promise<void> => {
    if (entry === undefined || (appliedAt !== undefined && performance.now() - appliedAt < applyEveryMs)) return;
    try {
      await makeNamespace();
      await copyPullSecret();
      const rendered = renderEntry({ settings: { ...settings, entry }, toolsImage, files: readProgramFiles() });
      for (const each of rendered) await objects.apply(each as KubeObject);
      appliedAt = performance.now();
    } catch (error) {
      throw toRefusal(error);
    }
  };

  /** The kubelet looks at what it has laid into a pod once a minute, or at once when the pod itself was changed. */
  const nudge = async (text: string): Promise<void> => {
    const { items } = await objects.list(kinds.Pod, { namespace, labelSelector: selector });
    const body = { metadata: { annotations: { "portolan.dev/routes": text } } };
    await Promise.all(items.map(({ metadata }) => objects.patch(kinds.Pod, namespace, metadata.name, body)));
  };

  /** Writes one placement's routes, under its own name as a writer; none: takes them away. */
  const put = async (placement: string, routes: string | undefined): Promise<void> => {
    const shard = shardOf(placement);
    const body: RoutesObject = {
      apiVersion: "v1",
      kind: "ConfigMap",
      metadata: { name: shard, namespace },
      ...(routes === undefined ? {} : { data: { [toRouteKey(placement)]: routes } }),
    };
    for (let attempt = 1; ; attempt++) {
      try {
        const applied = await objects.apply(body, toRouteManager(placement));
        if (routes === undefined) written.delete(placement);
        else written.set(placement, { routes, at: performance.now() });
        listed.delete(placement);
        await nudge(applied.metadata.resourceVersion ?? "").catch((error: unknown) =>
          log.warn({ err: error }, "the region's entry hears of its routes a little later"),
        );
        return;
      } catch (error) {
        const isGone = isStatus(error, 404);
        if (isGone && routes === undefined) return;
        // Placements that share an object write at the same time; or somebody has taken the namespace away.
        if (!(isGone || isStatus(error, 409)) || attempt >= mostTries) throw error;
        if (isGone) {
          appliedAt = undefined;
          await ensure();
        }
      }
    }
  };

  const removeEgress = async (placement: string): Promise<void> => {
    const found = await objects.get(kinds.NetworkPolicy, namespace, toEgressName(placement));
    if (found !== undefined) await objects.remove(kinds.NetworkPolicy, found);
  };

  const remove = async (placement: string): Promise<void> => {
    await put(placement, undefined);
    await removeEgress(placement);
  };

  /** Clears away what is of placements whose namespace somebody has taken away; a few are asked about each time. */
  const sweep = async (): Promise<void> => {
    const numbered = entry?.ports === undefined ? [] : await ledger.placements();
    const foreign = [...new Set([...listed.keys(), ...numbered])].filter((placement) => !written.has(placement)).sort();
    for (let count = Math.min(mostAsked, foreign.length); count > 0; count--) {
      const placement = foreign[asked++ % foreign.length] ?? "";
      if ((await objects.get(kinds.Namespace, undefined, placement)) !== undefined) continue;
      if (listed.has(placement)) await remove(placement);
      await ledger.release(placement);
    }
  };

  const listRoutes = async (): Promise<ReadonlyMap<string, string>> => {
    const { items } = await objects.list<RoutesObject>(kinds.ConfigMap, { namespace, labelSelector: selector });
    const shards = items.filter(({ metadata }) => shardNames.includes(metadata.name));
    return new Map(
      shards.flatMap(({ data = {} }) =>
        Object.entries(data).map(([key, text]) => [namespaceOfKey(key), text] as const),
      ),
    );
  };

  /** Numbers that lead to other placements, whatever the ledger says: it may have been lost, or be ahead of the routes. */
  const routedElsewhere = async (own: string): Promise<ReadonlySet<number>> =>
    new Set([...(await listRoutes())].flatMap(([placement, text]) => (placement === own ? [] : numbersOf(text))));

  /** Sees what routes there are, at most once a minute. */
  const look = async (): Promise<void> => {
    const now = performance.now();
    if (entry === undefined || (lookedAt !== undefined && now - lookedAt < lookEveryMs)) return;
    const found = await listRoutes();
    listed.clear();
    for (const [placement, routes] of found) listed.set(placement, routes);
    const policies = await objects.list(kinds.NetworkPolicy, { namespace, labelSelector: selector });
    allowed = new Set(policies.items.map(({ metadata }) => metadata.name));
    lookedAt = now;
    await sweep();
  };

  /** Whether others have changed routes since they were written here. */
  const isChanged = (placement: string): boolean => {
    const wanted = written.get(placement);
    if (wanted === undefined || lookedAt === undefined || lookedAt < wanted.at) return false;
    return listed.get(placement) !== wanted.routes || !allowed.has(toEgressName(placement));
  };

  return {
    ensure,
    look,
    /** The entry's way to a placement. */
    allow: async (policy: KubeObject): Promise<void> => {
      await objects.apply(policy);
    },
    put,
    remove,
    /** The entry's number for a port, its own from then on; undefined where the entry has none to give. */
    takeNumber: async (owner: PortOwner): Promise<number | undefined> => {
      if (entry?.ports === undefined) return undefined;
      await ensure();
      return ledger.take(owner, entry.ports, await routedElsewhere(owner.namespace));
    },
    /** Gives numbers of a placement back: all but those of these nodes. */
    releaseNumbers: (placement: string, nodes?: ReadonlySet<string>): Promise<void> => ledger.release(placement, nodes),
    isChanged,
    /** Whether this process has written routes of the placement. */
    isWritten: (placement: string): boolean => written.has(placement),
    /** Whether these routes are there as far as is known. */
    has: (placement: string, routes: string): boolean =>
      written.get(placement)?.routes === routes && !isChanged(placement),
  };
};
