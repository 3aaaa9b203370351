import type { Context } from "fabric-contract-api";

export interface FakeEvent {
  name: string;
  payload: unknown;
}

/**
 * A ledger in memory for tests of a contract's rules. As on a peer, a transaction reads what was committed before it and
 * not what it wrote itself; a transaction that throws writes nothing.
 */
export const createFakeLedger = () => {
  const state = new Map<string, Uint8Array>();
  const events: FakeEvent[] = [];

  const range = (from: string, to: string) => {
    const found = [...state.keys()].sort().filter((key) => key >= from && (to === "" || key < to));
    const values = found.filter((key) => !key.startsWith("\0")).map((key) => ({ key, value: state.get(key) }));
    let at = 0;
    return {
      next: async () => (at < values.length ? { value: values[at++], done: false } : { value: undefined, done: true }),
      close: async () => undefined,
    };
  };

  /** Runs one transaction as `client` and commits it. */
  const run = async <Result>(client: string, transaction: (ctx: Context) => Promise<Result>): Promise<Result> => {
    const writes = new Map<string, Uint8Array | undefined>();
    let event: FakeEvent | undefined;
    const ctx = {
      clientIdentity: { getID: () => client },
      stub: {
        getState: async (key: string) => state.get(key) ?? new Uint8Array(),
        putState: async (key: string, value: Uint8Array) => void writes.set(key, value),
        deleteState: async (key: string) => void writes.set(key, undefined),
        getStateByRange: async (from: string, to: string) => range(from, to),
        createCompositeKey: (type: string, attributes: string[]) => `\0${[type, ...attributes, ""].join("\0")}`,
        setEvent: (name: string, payload: Uint8Array) => {
          event = { name, payload: JSON.parse(Buffer.from(payload).toString("utf8")) };
        },
      },
    };
    const result = await transaction(ctx as unknown as Context);
    for (const [key, value] of writes) {
      if (value === undefined) state.delete(key);
      else state.set(key, value);
    }
    if (event !== undefined) events.push(event);
    return result;
  };
  return { run, events };
};
