/** So many at once: a small installation waits for nothing. */
const burst = 30;
/** And then one each so many milliseconds: each costs the API server some thirty requests. */
const everyMs = 500;

/**
 * Whose turn it is to be applied anew though nothing differs, as far as is known: what a process applied is forgotten
 * with it, so what others changed while none ran is only found by applying all again once. A turn that was given stays
 * given.
 */
export const createTurnsAnew = (nowMs: () => number = () => performance.now()) => {
  const given = new Set<string>();
  let left = burst;
  let at = nowMs();
  return (namespace: string): boolean => {
    if (given.has(namespace)) return true;
    const now = nowMs();
    const more = Math.floor((now - at) / everyMs);
    at += more * everyMs;
    left = Math.min(burst, left + more);
    if (left === 0) return false;
    left -= 1;
    given.add(namespace);
    return true;
  };
};
