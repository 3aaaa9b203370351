import { readFileSync } from "node:fs";
import type { Clock } from "@portolan/domain";
import type { Failure } from "../node-failure.ts";
import type { ProcessIdentity, ProcessTable } from "./process-table.ts";
import type { NodeState } from "./state.ts";

/** A node may take this many times what its plan sells: resident memory also counts what programs only share. */
const tolerance = 2;
/** A moment's peak is not held against a node. */
const looksToAct = 2;

/** Resident bytes of a process; 0 when it is gone, or where there is no /proc. */
const residentBytes = (pid: number): number => {
  try {
    return 1024 * Number(/^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1] ?? 0);
  } catch {
    return 0;
  }
};

const mebibytes = (bytes: number): number => Math.round(bytes / 1_048_576);

const toFailure = (bytes: number, soldBytes: number): Failure => ({
  reason: "memory_exceeded",
  message: `The node's programs took ${mebibytes(bytes)} MiB of memory; the plan has ${mebibytes(soldBytes)} MiB, so they were ended.`,
  hint: "Load less into the chain, or move it to a larger plan; the node is started again by itself.",
});

/** A run of the node: its programs as they were started. Another run is judged anew. */
const runOf = (identities: readonly ProcessIdentity[]): string =>
  identities.map(({ pid, startTime }) => `${pid}/${startTime}`).join(" ");

const identitiesOf = (node: NodeState): ProcessIdentity[] =>
  Object.values(node.processes).flatMap(({ identity }) => (identity ? [identity] : []));

/**
 * Holds nodes to the memory that their plan sells, roughly: looks at most every `everyMs`, so growth within seconds is
 * left to the kernel. Only programs that the runtime itself started are counted, not their children. Keeps its looks in
 * memory: another worker begins anew.
 */
export const createMemoryWatch = (deps: { clock: Clock; table: Pick<ProcessTable, "isAlive">; everyMs?: number }) => {
  const { clock, table, everyMs = 10_000 } = deps;
  const known = new Map<string, { run: string; at: number; bytes: number; looks: number }>();
  const excess = (key: string, node: NodeState): Failure | undefined => {
    const soldBytes = node.applied?.memoryBytes;
    const last = known.get(key);
    if (soldBytes === undefined || last === undefined || last.looks < looksToAct) return undefined;
    return last.run === runOf(identitiesOf(node)) ? toFailure(last.bytes, soldBytes) : undefined;
  };
  return {
    /** What the looks so far say of this run of the node: a failure when it takes too much. Stays once it is so. */
    excess,
    /** Looks, when it is time to, and answers as `excess`. */
    look: (key: string, node: NodeState): Failure | undefined => {
      const soldBytes = node.applied?.memoryBytes;
      if (soldBytes === undefined) return undefined;
      const found = excess(key, node);
      if (found) return found;
      const identities = identitiesOf(node);
      const run = runOf(identities);
      const last = known.get(key);
      const now = clock.now().getTime();
      if (last?.run === run && now - last.at < everyMs) return undefined;
      const bytes = identities
        .filter((identity) => table.isAlive(identity))
        .reduce((sum, { pid }) => sum + residentBytes(pid), 0);
      const before = last?.run === run ? last.looks : 0;
      known.set(key, { run, at: now, bytes, looks: bytes > tolerance * soldBytes ? before + 1 : 0 });
      return excess(key, node);
    },
    /** Forgets nodes whose key begins so. */
    forget: (prefix: string): void => {
      for (const key of known.keys()) if (key.startsWith(prefix)) known.delete(key);
    },
  };
};

export type MemoryWatch = ReturnType<typeof createMemoryWatch>;
