/** serialization_failure and deadlock_detected: the transaction did nothing and may be run again as a whole. */
const conflictStates = new Set(["40001", "40P01"]);

/** Whether another transaction got in the way. P2034 is Prisma's own code for it. */
export function isConflict(error: unknown): boolean {
  if (text(error, "code") === "P2034") return true;
  return someCause(error, (cause) => {
    const isState = conflictStates.has(text(cause, "code")) || conflictStates.has(text(cause, "originalCode"));
    return isState || text(cause, "kind") === "TransactionWriteConflict";
  });
}

/** P2028 is "transaction API error" of every sort; only of this sort nothing has been sent to the database yet. */
export function isNotStarted(error: unknown): boolean {
  return text(error, "code") === "P2028" && text(error, "message").includes("Unable to start a transaction");
}

/** Prisma nests the driver's error at `meta.driverAdapterError.cause`; raw queries at `cause`. */
function someCause(error: unknown, test: (cause: object) => boolean, depth = 0): boolean {
  if (typeof error !== "object" || error === null || depth > 6) return false;
  if (test(error)) return true;
  return ["cause", "meta", "driverAdapterError"].some(
    (name) => name in error && someCause(Reflect.get(error, name), test, depth + 1),
  );
}

function text(value: unknown, name: string): string {
  if (typeof value !== "object" || value === null) return "";
  const found: unknown = Reflect.get(value, name);
  return typeof found === "string" ? found : "";
}
