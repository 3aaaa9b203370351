import type { RegionFinding } from "../../driver.ts";

export type Finding = RegionFinding;

export const ok = (check: string, message: string): Finding => ({ check, state: "ok", message });
export const note = (check: string, message: string, fix: string): Finding => ({ check, state: "note", message, fix });
export const wrong = (check: string, message: string, fix: string): Finding => ({
  check,
  state: "wrong",
  message,
  fix,
});
