import { isDone, type OperationState } from "@portolan/domain";
import type { OperationRow } from "@portolan/store";
import type { UpdateHub } from "../../update-hub.ts";

const isOver = (row: OperationRow): boolean => isDone(row.state as OperationState);

/**
 * The operation now and after each change that is seen, until it is done or `signal` aborts. Versions only rise; those
 * between two looks may be missing. `read` answers null when it is not there (or not the caller's).
 */
export async function* followOperation(
  updates: Pick<UpdateHub, "watchOperation">,
  id: string,
  read: () => Promise<OperationRow | null>,
  signal: AbortSignal,
): AsyncGenerator<OperationRow, void, undefined> {
  const newest: { row: OperationRow | null } = { row: null };
  const versionSeen = (): number => newest.row?.version ?? 0;
  let wake: () => void = () => undefined;
  const onAbort = (): void => wake();
  signal.addEventListener("abort", onAbort);
  // Watching begins before the first read, so that no change falls between the two.
  const stop = updates.watchOperation(id, (row) => {
    if (row.version > versionSeen()) newest.row = row;
    wake();
  });
  try {
    const first = await read();
    if (first === null) return;
    let current: OperationRow = first;
    yield current;
    while (!isOver(current) && !signal.aborted) {
      if (newest.row !== null && newest.row.version > current.version) {
        current = newest.row;
        yield current;
        continue;
      }
      await new Promise<void>((resolve) => {
        wake = resolve;
        if (signal.aborted || versionSeen() > current.version) resolve();
      });
    }
  } finally {
    stop();
    signal.removeEventListener("abort", onAbort);
  }
}
