/** Answers `late` when the promise has not settled in time; its later failure then has nobody waiting for it. */
export const within = async <Value>(promise: Promise<Value>, timeoutMs: number): Promise<Value | "late"> => {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<"late">((resolve) => {
    timer = setTimeout(() => resolve("late"), timeoutMs);
  });
  promise.catch(() => undefined);
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
};
