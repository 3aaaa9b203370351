import { setTimeout as sleep } from "node:timers/promises";
import { GrpcFailure, type RestCallOptions, type RestContext } from "../../rest-protocol.ts";

/**
 * What a gateway says while its peer has not heard yet of all the others: after a start, after an organisation came
 * (F:internal/pkg/gateway/registry.go, discovery/endorsement/endorsement.go). What a chaincode that is not there is
 * refused with is not among it.
 */
const notHeardYet =
  /required chaincodes are not installed on sufficient peers|no peer combination can satisfy|failed to select a set of endorsers|failed to find any endorsing peers for org/i;

export const isNotHeardYet = (error: unknown): error is GrpcFailure =>
  error instanceof GrpcFailure && !error.isUnreached && notHeardYet.test(error.message);

const pauseMs = 100;
/** Gossip needs less; whoever names an organisation that is not there, or asks while peers are down, hears it by then. */
const patienceMs = 5_000;

/**
 * Has peers endorse a proposal, again while the one that is asked has not heard of the others: nothing was endorsed
 * then, and nothing ordered, so that it is the same as asking later. Until `endsAt` (ms) at the latest. Throws
 * `GrpcFailure`.
 */
export const askToEndorse = async (
  context: Pick<RestContext, "now" | "signal" | "unary">,
  message: Uint8Array,
  endsAt: number,
  options: Omit<RestCallOptions, "timeoutMs">,
): Promise<Uint8Array> => {
  const nowMs = (): number => context.now().getTime();
  const heardBy = Math.min(endsAt, nowMs() + patienceMs);
  for (;;) {
    try {
      const timeoutMs = Math.max(1, endsAt - nowMs());
      return await context.unary("gateway.Gateway/Endorse", message, { ...options, timeoutMs });
    } catch (error) {
      if (!isNotHeardYet(error) || context.signal.aborted || nowMs() + pauseMs >= heardBy) throw error;
      await sleep(pauseMs, undefined, { signal: context.signal });
    }
  }
};
