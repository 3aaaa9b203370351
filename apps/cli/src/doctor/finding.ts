/** What one check found; `fix` says what to do unless it is ok. */
export interface Finding {
  check: string;
  /** `note`: worth knowing, nothing is wrong. */
  state: "ok" | "note" | "wrong";
  message: string;
  fix?: string;
}

export const ok = (check: string, message: string): Finding => ({ check, state: "ok", message });
export const note = (check: string, message: string, fix?: string): Finding => ({
  check,
  state: "note",
  message,
  ...(fix === undefined ? {} : { fix }),
});
export const wrong = (check: string, message: string, fix: string): Finding => ({
  check,
  state: "wrong",
  message,
  fix,
});
