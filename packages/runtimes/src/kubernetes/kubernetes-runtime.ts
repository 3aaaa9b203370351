import { type Clock, DomainError } from "@portolan/domain";
import type { RuntimeCapabilities } from "@portolan/frameworks";
import type { Logger } from "@portolan/kit";
import type { PlacementRef, Runtime } from "../runtime.ts";
import { removeSnapshot } from "../snapshot-store/remove-snapshot.ts";
import { createKubeCache } from "./cache/cache.ts";
import { createHints } from "./cache/hints.ts";
import { createPodLedger } from "./cache/pod-ledger.ts";
import { createTurns } from "./cache/turns.ts";
import { createViewer, isMetadataOnly, isNodePod, isWatched, nodeOf } from "./cache/view.ts";
import type { WatcherSettings } from "./cache/watcher.ts";
import { createTurnsAnew } from "./change/anew.ts";
import { applyBlueprint } from "./change/apply.ts";
import { canExpand } from "./change/claim.ts";
import { destroyPlacement } from "./change/destroy.ts";
import { withTurn } from "./change/fence.ts";
import { liftRegistrySecret } from "./change/registry-secret.ts";
import { reserveAddresses } from "./change/reserve.ts";
import { stopPlacement } from "./change/stop.ts";
import { createKubeClient } from "./client/client.ts";
import { type KubeAccessSettings, openKubeAccess } from "./client/kube-access.ts";
import { toDomainError } from "./client/kube-error.ts";
import type { KubeObject, PodObject } from "./client/kube-object.ts";
import { kinds } from "./client/kube-paths.ts";
import { createKubeObjects } from "./client/objects.ts";
import type { Context, WriteTurn } from "./context.ts";
import { thaw } from "./copy/freeze.ts";
import { clearStaged, restoreSnapshot, stageSnapshot } from "./copy/restore-snapshot.ts";
import { takeSnapshot } from "./copy/snapshot.ts";
import { createEntry } from "./entry/entry.ts";
import { labelKeys, managedBy } from "./labels.ts";
import { createClusterAsker } from "./observe/ask-cluster.ts";
import { dialNode } from "./observe/dial.ts";
import { listInventory } from "./observe/inventory.ts";
import { readLogs } from "./observe/logs.ts";
import { observePlacement } from "./observe/observe.ts";
import { findDefaultClass } from "./observe/storage-class.ts";
import type { KubernetesSettings } from "./settings.ts";
import { beside, nodesIn, type Space, toNamespaceName } from "./space.ts";

export interface KubernetesRuntimeSettings {
  access: KubeAccessSettings;
  cluster: KubernetesSettings;
  /** Slugs of the regions it serves; absent: whatever it is asked for. */
  regions?: readonly string[];
  clock: Clock;
  log: Pick<Logger, "info" | "warn">;
  /** Where fences of placements that are gone are kept. Made where it is not there. */
  homeNamespace?: string;
  /** An image with Node, for the pod that copies volumes. As a blueprint would name it. */
  toolsImage?: string;
  /** How long a node waits for those that should answer before it. */
  startAfterWaitMs?: number;
  /** How long the end of pods, beyond their grace, and of namespaces is waited for. */
  endWaitMs?: number;
  requestTimeoutMs?: number;
  /** How long one call to the API server goes on trying. */
  patienceMs?: number;
  watch?: WatcherSettings;
  /** Called before each side effect of a writing call. For tests: one that throws is a crash at that place. */
  checkpoint?: (name: string) => void | Promise<void>;
  /** Called with each request that is sent. */
  onRequest?: (call: { method: string; path: string }) => void;
}

export interface KubernetesRuntime extends Runtime {
  /** Learns what the cluster can do; until then capabilities are what every cluster has. */
  learn(): Promise<RuntimeCapabilities>;
  /** How old the cache is at most, in milliseconds; `undefined` while nobody watches. */
  cacheAgeMs(): number | undefined;
  close(): void;
}

type Hold = <T>(space: Space, mayCreate: boolean, work: (turn: WriteTurn) => Promise<T>) => Promise<T>;

/** Before anything is made beside a placement's own namespace, that one says so. */
const noteApart = async (turn: WriteTurn): Promise<void> => {
  if (turn.state.hasApart === true) return;
  turn.state.hasApart = true;
  await turn.save();
};

const isOurs = (object: KubeObject): boolean => object.metadata.labels?.[labelKeys.managedBy] === managedBy;

const createContext = (settings: KubernetesRuntimeSettings) => {
  const { clock, log, cluster } = settings;
  const hints = createHints(log);
  const ledger = createPodLedger();
  const cache = createKubeCache((namespace, kind, object) => {
    if (kind.kind === kinds.Pod.kind && isNodePod(object as PodObject)) {
      const node = nodeOf(object);
      if (node !== undefined) ledger.see(`${namespace}/${node}`, object as PodObject);
    }
    hints.tell(object.metadata.labels?.[labelKeys.placement]);
  });
  const client = createKubeClient({
    access: openKubeAccess(settings.access),
    ...(settings.requestTimeoutMs === undefined ? {} : { timeoutMs: settings.requestTimeoutMs }),
    ...(settings.patienceMs === undefined ? {} : { patienceMs: settings.patienceMs }),
    ...(settings.onRequest === undefined ? {} : { onRequest: settings.onRequest }),
  });
  const objects = createKubeObjects({
    client,
    seen: (kind, object) => {
      if (!isWatched(kind) || !isOurs(object)) return;
      cache.put(kind, isMetadataOnly(kind) ? { metadata: object.metadata } : object);
    },
    gone: (kind, namespace, name) => {
      if (isWatched(kind)) cache.absent(kind, kind.isNamespaced ? (namespace ?? "") : name, name);
    },
  });
  const toolsImage = settings.toolsImage ?? "docker.io/library/node:24";
  const viewer = createViewer({ client, objects, cache, ledger, log }, settings.watch);
  const context: Context = {
    settings: cluster,
    client,
    objects,
    cache,
    ledger,
    clock,
    log,
    applied: new Map(),
    renewed: new Set(),
    isTurnAnew: createTurnsAnew(),
    homeNamespace: settings.homeNamespace ?? "portolan",
    toolsImage,
    entry: createEntry({ objects, settings: cluster, toolsImage, log }),
    startAfterWaitMs: settings.startAfterWaitMs ?? 60_000,
    endWaitMs: settings.endWaitMs ?? 30_000,
    look: viewer.look,
    isFresh: viewer.isFresh,
    checkpoint: settings.checkpoint ?? (() => undefined),
  };
  return { context, viewer, hints };
};

/**
 * Runs blueprints in a cluster, a namespace for each placement, and one beside it for what tenants bring. Opens no
 * connection before it is asked something.
 */
export const createKubernetesRuntime = (settings: KubernetesRuntimeSettings): KubernetesRuntime => {
  const { context, viewer, hints } = createContext(settings);
  const asker = createClusterAsker(context);
  const turns = createTurns();
  let capabilities: RuntimeCapabilities = {
    isolation: "namespace",
    hasStorageExpansion: false,
    hasSnapshots: true,
    exposures: ["internal", "admin", "gateway"],
    // A pod's loopback is its own.
    reachesForwarder: false,
    // Pods dial, services are dialled.
    hidesSourceAddress: true,
    tenantCode: settings.cluster.tenantCode,
  };

  const checkRegion = ({ region }: PlacementRef): void => {
    if (settings.regions === undefined || settings.regions.includes(region)) return;
    throw new DomainError({ code: "region.unknown", message: `This worker does not serve the region ${region}.` });
  };
  const guarded = async <T>(work: () => Promise<T>): Promise<T> => {
    try {
      return await work();
    } catch (error) {
      throw toDomainError(error);
    }
  };
  /** One writing call, on one or both of the placement's namespaces. */
  const writeIn = <T>(placement: PlacementRef, fence: bigint, work: (hold: Hold) => Promise<T>): Promise<T> =>
    guarded(() => {
      checkRegion(placement);
      return turns.enter(placement.placementId, () =>
        work((space, mayCreate, inSpace) => withTurn(context, space, fence, { mayCreate }, inSpace)),
      );
    });
  const write = <T>(
    placement: PlacementRef,
    fence: bigint,
    mayCreate: boolean,
    work: (turn: WriteTurn) => Promise<T>,
  ): Promise<T> => writeIn(placement, fence, (hold) => hold(placement, mayCreate, work));
  const isThere = async (space: Space, isDirect: boolean): Promise<boolean> =>
    (await context.look(toNamespaceName(space), isDirect)).namespace !== undefined;

  /** What the region's entry offers; a region whose entry can't be made goes on without one. */
  const learnExposure = async (): Promise<RuntimeCapabilities["exposure"]> => {
    const { entry } = settings.cluster;
    if (entry === undefined) return undefined;
    try {
      await context.entry.ensure();
      await context.entry.look();
      return { domain: entry.domain, byServerName: true, ...(entry.ports === undefined ? {} : { byPort: true }) };
    } catch (error) {
      context.log.warn({ err: error }, "the region's entry could not be made");
      return undefined;
    }
  };

  return {
    get capabilities() {
      return capabilities;
    },
    learn: () =>
      guarded(async () => {
        const storageClass = settings.cluster.storageClass ?? (await findDefaultClass(context));
        const { exposure: _former, ...known } = capabilities;
        const hasStorageExpansion = await canExpand(context, storageClass);
        const exposure = await learnExposure();
        capabilities = { ...known, hasStorageExpansion, ...(exposure === undefined ? {} : { exposure }) };
        return capabilities;
      }),
    reserve: (placement, nodes, fence) =>
      writeIn(placement, fence, async (hold) => {
        const other = beside(placement);
        const apart = nodesIn(other, nodes);
        const addresses = await hold(placement, true, async (turn) => {
          if (apart.length > 0) await noteApart(turn);
          return reserveAddresses(turn, nodesIn(placement, nodes));
        });
        if (apart.length === 0) return addresses;
        return [...addresses, ...(await hold(other, true, (turn) => reserveAddresses(turn, apart)))];
      }),
    apply: (placement, blueprint, secrets, fence, only) =>
      writeIn(placement, fence, async (hold) => {
        const other = beside(placement);
        const isWanted = nodesIn(other, blueprint.nodes).length > 0;
        const mayBeThere = await hold(placement, true, async (turn) => {
          await clearStaged(turn);
          await thaw(turn);
          if (isWanted) await noteApart(turn);
          await applyBlueprint(turn, blueprint, secrets, only);
          return turn.state.hasApart === true;
        });
        if (isWanted || (mayBeThere && (await isThere(other, false))))
          await hold(other, true, (turn) => applyBlueprint(turn, blueprint, secrets, only));
      }),
    stop: (placement, fence) =>
      writeIn(placement, fence, async (hold) => {
        const other = beside(placement);
        if (await isThere(other, false))
          await hold(other, false, async (turn) => {
            await stopPlacement(turn);
            await liftRegistrySecret(turn);
          });
        await hold(placement, false, stopPlacement);
      }),
    observe: (placement) => guarded(() => observePlacement(context, asker, placement)),
    inventory: () => guarded(() => listInventory(context)),
    destroy: (placement, { volumes, fence }) =>
      writeIn(placement, fence, async (hold) => {
        const other = beside(placement);
        // It has no volumes: nothing in it is worth keeping.
        if (await isThere(other, true)) await hold(other, false, (turn) => destroyPlacement(turn, true, fence));
        await hold(placement, false, (turn) => destroyPlacement(turn, volumes, fence));
      }),
    dial: (placement, node, port) => guarded(() => dialNode(context, placement, node, port)),
    logs: (placement, node, options) => readLogs(context, placement, node, options),
    snapshot: (placement, store, name, fence) =>
      write(placement, fence, false, (turn) => takeSnapshot(turn, store, name)),
    stage: (placement, store, snapshot, fence) =>
      write(placement, fence, true, (turn) => stageSnapshot(turn, store, snapshot)),
    restore: (placement, store, snapshot, fence) =>
      write(placement, fence, true, (turn) => restoreSnapshot(turn, store, snapshot)),
    removeSnapshot: (placementId, store, name) => guarded(() => removeSnapshot(store, name, placementId)),
    watch: async (onChange, signal) => {
      await hints.listen(onChange, signal, viewer.run);
    },
    cacheAgeMs: viewer.ageMs,
    close: () => context.client.close(),
  };
};
