/** A budget that refills steadily up to a burst. Amounts are dCU; time is monotonic milliseconds. */
export interface TokenBucket {
  /** 0: taken. Otherwise how many milliseconds until the same amount can be had; nothing is taken. */
  take(amount: number, nowMs: number, limits: { unitsPerSecond: number; burstSeconds: number }): number;
}

/** 10 dCU = 1 CU; limits are given in CU. */
const dcuPerUnit = 10;

export const createTokenBucket = (): TokenBucket => {
  let level = Infinity;
  let seenMs = 0;
  return {
    take: (amount, nowMs, { unitsPerSecond, burstSeconds }) => {
      const perMs = (unitsPerSecond * dcuPerUnit) / 1_000;
      const capacity = unitsPerSecond * dcuPerUnit * burstSeconds;
      level = Math.min(capacity, level + Math.max(0, nowMs - seenMs) * perMs);
      seenMs = nowMs;
      // A call that weighs more than the whole burst passes when the bucket is full, and is paid off afterwards.
      const needed = Math.min(amount, capacity);
      if (capacity > 0 && level >= needed) {
        level -= amount;
        return 0;
      }
      return perMs > 0 ? Math.ceil((needed - level) / perMs) : 60_000;
    },
  };
};
