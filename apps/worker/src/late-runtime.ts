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

export type LateRuntime = Runtime & Required<Pick<Runtime, "learn">>;

/**
 * A runtime that is made when it is first asked for, and again and again where that fails (a kubeconfig that is not
 * there yet): until then every call fails as the making did, and nothing else of the worker does.
 */
export const createLateRuntime = (make: () => Promise<Runtime>, { clock }: { clock: Clock }): LateRuntime => {
  let made: Runtime | undefined;
  let making: Promise<Runtime> | undefined;
  let failure: { error: unknown; at: number } | undefined;
  const makeOne = async (): Promise<Runtime> => {
    try {
      made = await make();
      return made;
    } catch (error) {
      failure = { error, at: clock.now().getTime() };
      throw error;
    } finally {
      making = undefined;
    }
  };
  const demand = async (): Promise<Runtime> => {
    if (made !== undefined) return made;
    if (failure !== undefined && clock.now().getTime() - failure.at < retryMs) throw failure.error;
    making ??= makeOne();
    return making;
  };
  return {
    get capabilities() {
      return made?.capabilities ?? unknown;
    },
    learn: async () => {
      const runtime = await demand();
      return (await runtime.learn?.()) ?? runtime.capabilities;
    },
    reserve: async (...args) => (await demand()).reserve(...args),
    apply: async (...args) => (await demand()).apply(...args),
    stop: async (...args) => (await demand()).stop(...args),
    observe: async (...args) => (await demand()).observe(...args),
    inventory: async () => (await demand()).inventory(),
    destroy: async (...args) => (await demand()).destroy(...args),
    dial: async (...args) => (await demand()).dial(...args),
    logs: async function* (...args) {
      yield* (await demand()).logs(...args);
    },
    snapshot: async (...args) => (await demand()).snapshot(...args),
    stage: async (...args) => (await demand()).stage(...args),
    restore: async (...args) => (await demand()).restore(...args),
    removeSnapshot: async (...args) => (await demand()).removeSnapshot(...args),
    watch: async (onChange, signal) => {
      while (!signal.aborted) {
        const runtime = await demand().catch(() => undefined);
        if (runtime !== undefined) return runtime.watch(onChange, signal);
        await sleep(retryMs, undefined, { signal }).catch(() => undefined);
      }
    },
  };
};
