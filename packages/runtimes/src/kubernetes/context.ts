import type { Clock } from "@portolan/domain";
import type { Logger } from "@portolan/kit";
import type { KubeCache } from "./cache/cache.ts";
import type { PodLedger } from "./cache/pod-ledger.ts";
import type { View } from "./cache/view.ts";
import type { PlacementState } from "./change/placement-state.ts";
import type { KubeClient } from "./client/client.ts";
import type { KubeObjects } from "./client/objects.ts";
import type { Entry } from "./entry/entry.ts";
import type { KubernetesSettings } from "./settings.ts";
import type { Space } from "./space.ts";

/** What was applied of an object last, and what the API server made of it. */
export interface AppliedEntry {
  digest: string;
  uid: string;
  version: string;
}

/** What the parts of the runtime share. */
export interface Context {
  settings: KubernetesSettings;
  client: KubeClient;
  objects: KubeObjects;
  cache: KubeCache;
  ledger: PodLedger;
  clock: Clock;
  log: Pick<Logger, "info" | "warn">;
  /** Namespace → `Kind/name` → what was applied, by this process or, as far as it is written down, by one before it. */
  applied: Map<string, Map<string, AppliedEntry>>;
  /** Namespaces that this process has applied something in. */
  renewed: Set<string>;
  /** Whether it is the turn of a namespace that is not in `renewed` to be applied once more, though nothing differs. */
  isTurnAnew(namespace: string): boolean;
  /** Where fences of placements that are gone are kept. */
  homeNamespace: string;
  toolsImage: string;
  /** For callers from outside. */
  entry: Entry;
  startAfterWaitMs: number;
  /** How long stopping and removing are waited for, beyond the pods' own grace. */
  endWaitMs: number;
  /** Everything of a placement, at most 60 s old; `isDirect`: asked for now. */
  look(namespace: string, isDirect?: boolean): Promise<View>;
  /** Whether the cache may be believed: somebody watches, and nothing is overdue. */
  isFresh(): boolean;
  checkpoint: (name: string) => void | Promise<void>;
}

/** One writing call on one of a placement's namespaces. */
export interface WriteTurn extends Context {
  placement: Space;
  namespace: string;
  state: PlacementState;
  /** Before each write: a crash may be injected here, and the fence is looked at again. */
  step(name: string): Promise<void>;
  /** Writes the state down, where it has changed; refused where somebody else has written meanwhile. */
  save(): Promise<void>;
}
