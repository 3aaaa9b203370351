import type { Grant } from "../edge/entries.ts";
import { type Refusal, rateLimited } from "./refusal.ts";

/** A method that costs nothing still counts against the rate: it is work. */
const minRateAmount = 1;

/** Takes a call's weight (dCU) out of its key's budget; answers why not. `nowMs` is monotonic. */
export const takeRate = (grant: Grant, weight: number, nowMs: number): Refusal | null => {
  const limits = grant.planLimits ?? grant.app.app.limits;
  const waitMs = grant.key.bucket.take(Math.max(minRateAmount, weight), nowMs, limits);
  return waitMs > 0 ? rateLimited(waitMs, Date.now(), limits) : null;
};
