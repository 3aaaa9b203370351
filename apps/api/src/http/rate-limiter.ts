import { DomainError } from "@portolan/domain";
import { RateLimiterMemory, RateLimiterRes } from "rate-limiter-flexible";
import type { Limit } from "../limits.ts";

export interface RateState {
  limit: Limit;
  remaining: number;
  resetSeconds: number;
}

export interface RateLimiter {
  /** Throws `RateLimited` when the key has no points left. */
  consume(key: string): Promise<RateState>;
  /** Forgets what the key has used. */
  clear(key: string): Promise<void>;
}

/** 429, with what the headers say. */
export class RateLimited extends DomainError {
  readonly policy: string;
  readonly state: RateState;

  constructor(policy: string, state: RateState) {
    super({
      code: "request.rate_limited",
      message: "Too many requests.",
      hint: `Try again in ${state.resetSeconds} s.`,
      retryable: true,
    });
    this.policy = policy;
    this.state = state;
  }
}

/** Counted in this process: the plane's API is one process unless it is run distributed. */
export const createRateLimiter = (name: string, limit: Limit): RateLimiter => {
  const limiter = new RateLimiterMemory({ keyPrefix: name, points: limit.points, duration: limit.seconds });
  const toState = (result: RateLimiterRes): RateState => ({
    limit,
    remaining: Math.max(0, result.remainingPoints),
    resetSeconds: Math.max(1, Math.ceil(result.msBeforeNext / 1000)),
  });
  return {
    consume: async (key) => {
      try {
        return toState(await limiter.consume(key));
      } catch (error) {
        if (error instanceof RateLimiterRes) throw new RateLimited(name, toState(error));
        throw error;
      }
    },
    clear: async (key) => {
      await limiter.delete(key);
    },
  };
};

/** Headers of draft-ietf-httpapi-ratelimit-headers. */
export const rateHeaders = (
  name: string,
  { limit, remaining, resetSeconds }: RateState,
): { [header: string]: string } => ({
  "ratelimit-policy": `"${name}";q=${limit.points};w=${limit.seconds}`,
  ratelimit: `"${name}";r=${remaining};t=${resetSeconds}`,
});
