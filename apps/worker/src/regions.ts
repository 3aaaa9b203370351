import { canonicalJson, type JsonObject } from "@portolan/domain";
import type { Logger } from "@portolan/kit";
import { createRuntime, type DeclaredRegion, type DriverDeps, runtimeOf } from "@portolan/runtimes";
import { createLateRuntime, type LateRuntime } from "./late-runtime.ts";

/** Where nothing else is said: the worker's own machine. */
const ownMachine = { kind: "process", settings: {} };
const ownRegion = "local";

export interface ServedRegions {
  slugs: readonly string[];
  /** Regions with the same kind and settings share one: what it sees of the one it would see for the other. */
  runtimes: ReadonlyMap<string, LateRuntime>;
}

/**
 * The regions that this worker serves, each with its runtime: those that are `wished`, else its own machine and all
 * that are declared. Connects to nothing; a runtime that can't be made is tried again whenever it is asked for.
 */
export const serveRegions = (
  wished: readonly string[] | undefined,
  declared: readonly DeclaredRegion[],
  deps: DriverDeps & { log: Pick<Logger, "info" | "warn"> },
): ServedRegions => {
  const slugs = wished ?? [...new Set([ownRegion, ...declared.map(({ slug }) => slug)])];
  const shared = new Map<string, LateRuntime>();
  const share = (kind: string, settings: JsonObject): LateRuntime => {
    const key = canonicalJson([kind, settings]);
    const known = shared.get(key) ?? createLateRuntime(() => createRuntime(kind, settings, deps), deps);
    shared.set(key, known);
    return known;
  };
  const runtimes = slugs.map((slug) => {
    const region = declared.find((one) => one.slug === slug);
    const { kind, settings } = region === undefined ? ownMachine : runtimeOf(region);
    return [slug, share(kind, settings)] as const;
  });
  return { slugs, runtimes: new Map(runtimes) };
};
