import type { Exit } from "./launch.ts";
import type { ProcessIdentity } from "./process-table.ts";

const maxRemembered = 10_000;
const longestWaitMs = 100;

const keyOf = ({ pid, startTime }: ProcessIdentity): string => `${pid}/${startTime}`;

export type Exits = ReturnType<typeof createExits>;

/** How programs that are children of this process ended; adopted ones tell nobody. */
export const createExits = () => {
  const known = new Map<string, Exit>();
  const coming = new Map<string, Promise<Exit>>();
  return {
    /** A child was started: its end will be told. */
    expect: (identity: ProcessIdentity, exited: Promise<Exit>): void => {
      const key = keyOf(identity);
      coming.set(key, exited);
      void exited.then((exit) => {
        if (known.size >= maxRemembered) known.delete(known.keys().next().value ?? "");
        known.set(key, exit);
        coming.delete(key);
      });
    },
    get: (identity: ProcessIdentity): Exit | undefined => known.get(keyOf(identity)),
    /** The system's table shows an end a moment before the event loop tells of it: waits for that, if it is to come. */
    settle: async (identity: ProcessIdentity): Promise<void> => {
      const exited = coming.get(keyOf(identity));
      if (!exited) return;
      let timer: NodeJS.Timeout | undefined;
      const patience = new Promise<void>((resolve) => {
        timer = setTimeout(resolve, longestWaitMs);
      });
      await Promise.race([exited, patience]);
      clearTimeout(timer);
    },
  };
};
