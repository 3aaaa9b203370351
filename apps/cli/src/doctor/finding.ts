import { clean, type Screen, writeLine } from "../output.ts";

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

const marks = { ok: "ok   ", note: "note ", wrong: "WRONG" } as const;

/** One line each, and the fix below. */
export const writeFindings = (screen: Screen, findings: readonly Finding[]): void => {
  for (const { check, state, message, fix } of findings) {
    writeLine(screen.out, `${marks[state]}  ${check.padEnd(9)} ${clean(message)}`);
    if (fix !== undefined) writeLine(screen.out, `${" ".repeat(17)}${state === "wrong" ? "→ " : ""}${clean(fix)}`);
  }
};
