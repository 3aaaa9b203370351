import type { Clock, JsonObject } from "@portolan/domain";
import type { Logger } from "@portolan/kit";
import type { z } from "zod";
import type { ProgramFinder } from "./process/index.ts";
import type { Runtime } from "./runtime.ts";

/** What a worker gives to every runtime; each takes what it needs. */
export interface DriverDeps {
  /** A directory of this machine for what a runtime keeps here. */
  home: string;
  clock: Clock;
  log: Pick<Logger, "info" | "warn">;
  programs: ProgramFinder;
}

/** What one look at a region found; `fix` says what to do unless it is ok. */
export interface RegionFinding {
  /** What was looked at, in one word or two. */
  check: string;
  /** `note`: worth knowing, nothing is wrong. */
  state: "ok" | "note" | "wrong";
  message: string;
  fix?: string;
}

/** An option of `regions add` that is this kind's alone. */
export interface DriverFlag {
  /** As a command line has it: `--kubeconfig <file>`, `--in-cluster`; a value that ends with `...` may be repeated. */
  flag: string;
  description: string;
}

/** Values of flags by their names in camel case, as a command line gave them. */
export type FlagValues = { readonly [name: string]: string | boolean | readonly string[] | undefined };

/** What a kind can do once its client libraries are there. */
export interface LoadedDriver<Settings> {
  /** Connects to nothing. @throws DomainError when the settings can't be used here. */
  create(settings: Settings, deps: DriverDeps): Runtime;
  /** Proves what the region can do, and leaves nothing behind. Never throws: what fails is a finding. */
  check(settings: Settings, options: { signal: AbortSignal }): AsyncIterable<RegionFinding>;
}

/** One kind of runtime: everything that a caller needs in order not to know which kinds there are. */
export interface RuntimeDriver<Settings> {
  /** What stands beside `kind` in a region's `runtime`. */
  settings: z.ZodType<Settings>;
  flags: readonly DriverFlag[];
  /** Settings as the flags say; undefined: none of this kind's was given. */
  fromFlags(values: FlagValues): JsonObject | undefined;
  /** Libraries that only this kind needs are loaded here: who has no such region does not wait for them. */
  load(): Promise<LoadedDriver<Settings>>;
}
