import type { CentrePort } from "@portolan/contract";
import type { Logger } from "@portolan/kit";
import type { Runtime } from "@portolan/runtimes";
import type { ChainCoordination } from "@portolan/store";
import { every, type Loop } from "./every.ts";
import type { SingleFlight } from "./single-flight.ts";

export interface WakeUpsDeps {
  chains: SingleFlight;
  placements: SingleFlight;
  /** Absent in a region's own worker, which coordinates nothing. */
  coordination: Pick<ChainCoordination, "due"> | null;
  centre: CentrePort;
  regions: readonly string[];
  runtimes: readonly Runtime[];
  answerLogs(): Promise<void>;
  onChainHint(callback: (chainId: string) => void): () => void;
  log: Logger;
  sweepMs: number;
}

/** How many due rows one sweep takes; the rest come with the next. */
const sweepLimit = 500;

export interface WakeUps extends Loop {
  /** Has all of these regions looked at now: they could not be until now. */
  recheck(regions: readonly string[]): Promise<void>;
}

/**
 * Everything that can wake a pass: notifications, the runtime's hints, and the sweep, which alone would be enough.
 * Every other wake-up only makes it sooner.
 */
export const startWakeUps = (deps: WakeUpsDeps): WakeUps => {
  const stop = new AbortController();
  const onError = (what: string) => (error: unknown) => {
    if (!stop.signal.aborted) deps.log.warn({ err: error }, `${what} failed`);
  };
  const sweep = async () => {
    const chainIds = deps.coordination === null ? [] : await deps.coordination.due(sweepLimit);
    for (const id of chainIds) deps.chains.request(id);
    for (const id of await deps.centre.due(deps.regions, sweepLimit)) deps.placements.request(id);
    await deps.answerLogs();
  };
  const sweeping = every(deps.sweepMs, sweep, onError("the sweep"));
  let looks: Promise<unknown> = Promise.resolve();
  const recheck = async (regions: readonly string[]): Promise<void> => {
    const look = deps.centre.recheck(regions).then(sweep).catch(onError("looking at everything anew"));
    looks = Promise.all([looks, look]);
    await look;
  };
  void recheck(deps.regions);

  const offChains = deps.onChainHint((chainId) => deps.chains.request(chainId));
  const watches = [
    deps.centre
      .watch(
        deps.regions,
        (hint) => {
          if (hint.placementId !== undefined) deps.placements.request(hint.placementId);
          if (hint.logRequest === true) deps.answerLogs().catch(onError("answering logs"));
        },
        stop.signal,
      )
      .catch(onError("watching the centre")),
    ...deps.runtimes.map((runtime) =>
      runtime
        .watch((placementId) => deps.placements.request(placementId), stop.signal)
        .catch(onError("watching the runtime")),
    ),
  ];
  return {
    recheck,
    close: async () => {
      stop.abort();
      offChains();
      await sweeping.close();
      await Promise.all([looks, ...watches]);
    },
  };
};
