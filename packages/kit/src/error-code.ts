/** Whether the error carries one of these codes, as Node's system errors do (`ENOENT`). */
export const hasErrorCode = (error: unknown, ...codes: string[]): boolean =>
  error instanceof Error && "code" in error && typeof error.code === "string" && codes.includes(error.code);
