/** Told before and after each call of an intercepted interface; may wait, and may throw: then the caller is gone. */
export type Gate = (name: string) => Promise<void>;

export const openGate: Gate = () => Promise.resolve();

/** No effects: streams, what a timer does, and a look-up that several ask for at once. */
const untouched = new Set(["logs", "watch", "renew", "dial"]);

/** The same object, with a gate before and after the effect of each of its asynchronous methods. */
export const intercept = <T extends object>(label: string, target: T, gate: Gate): T =>
  new Proxy(target, {
    get: (object, property, receiver) => {
      const member: unknown = Reflect.get(object, property, receiver);
      if (typeof member !== "function" || untouched.has(String(property))) return member;
      return async (...parameters: unknown[]) => {
        const name = `${label}.${String(property)}`;
        await gate(`before ${name}`);
        const result: unknown = await Reflect.apply(member, object, parameters);
        await gate(`after ${name}`);
        return result;
      };
    },
  });

export class Crash extends Error {
  constructor(at: string) {
    super(`crashed ${at}`);
    this.name = "Crash";
  }
}

/**
 * Crashes a worker at its `index`-th gate (counted from 0). A dead worker reaches nothing any more: every later call of
 * it fails before its effect.
 */
export const crashAt = (index: number) => {
  let count = 0;
  let at: string | null = null;
  const gate: Gate = async (name) => {
    if (at === null && count === index) at = name;
    count += 1;
    if (at !== null) throw new Crash(at);
  };
  return { gate, count: () => count, at: () => at };
};

/** Stops a worker at its `index`-th gate until it is resumed: a machine that slept through its lease. */
export const stallAt = (index: number) => {
  let count = 0;
  let at: string | null = null;
  let resume = () => {};
  let stalled = () => {};
  const isStalled = new Promise<void>((resolve) => {
    stalled = resolve;
  });
  const gate: Gate = async (name) => {
    if (count++ !== index) return;
    at = name;
    stalled();
    await new Promise<void>((resolve) => {
      resume = resolve;
    });
  };
  return { gate, isStalled, at: () => at, resume: () => resume() };
};
