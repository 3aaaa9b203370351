import { setTimeout as sleep } from "node:timers/promises";
import type { Clock } from "@portolan/domain";
import type { Runtime } from "@portolan/runtimes";

/** A file that was missing is not there sooner for being looked for all the time. */
const retryMs = 5_000;

/** Until it is there: the least that any runtime can do. */
const unknown: Runtime["capabilities"] = {
  isolation: "none",
  hasStorageExpansion: false,
  hasSnapshots: false,
  exposures: [],
};

/**
 * A runtime that is made when it is first asked for, and again and again where that fails (a kubeconfig that is not
 * there yet): until then every call fails as the making did, and nothing else of the worker does.
 */
export const createLateRuntime = (make: () => Runtime, { clock }: { clock: Clock }): Runtime => {
  let made: Runtime | undefined;
  let failure: { error: unknown; at: number } | undefined;
  const demand = (): Runtime => {
    if (made !== undefined) return made;
    const now = clock.now().getTime();
    if (failure !== undefined && now - failure.at < retryMs) throw failure.error;
    try {
      made = make();
      return made;
    } catch (error) {
      failure = { error, at: now };
      throw error;
    }
  };
  const find = (): Runtime | undefined => {
    try {
      return demand();
    } catch {
      return undefined;
    }
  };
  return {
    get capabilities() {
      return find()?.capabilities ?? unknown;
    },
    reserve: async (...args) => demand().reserve(...args),
    apply: async (...args) => demand().apply(...args),
    stop: async (...args) => demand().stop(...args),
    observe: async (...args) => demand().observe(...args),
    inventory: async () => demand().inventory(),
    destroy: async (...args) => demand().destroy(...args),
    dial: async (...args) => demand().dial(...args),
    logs: (...args) => demand().logs(...args),
    snapshot: async (...args) => demand().snapshot(...args),
    stage: async (...args) => demand().stage(...args),
    restore: async (...args) => demand().restore(...args),
    removeSnapshot: async (...args) => demand().removeSnapshot(...args),
    watch: async (onChange, signal) => {
      while (!signal.aborted) {
        const runtime = find();
        if (runtime !== undefined) return runtime.watch(onChange, signal);
        await sleep(retryMs, undefined, { signal }).catch(() => undefined);
      }
    },
  };
};
