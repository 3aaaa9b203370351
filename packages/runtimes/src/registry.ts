import { DomainError, type JsonObject } from "@portolan/domain";
import { z } from "zod";
import type { DriverDeps, DriverFlag, FlagValues, RegionFinding, RuntimeDriver } from "./driver.ts";
import { kubernetesDriver } from "./kubernetes/kubernetes-driver.ts";
import { processDriver } from "./process/process-driver.ts";
import type { Runtime } from "./runtime.ts";

/** Binds a driver's settings' type, so that nobody outside sees it. */
const bind = <Settings>({ settings, flags, fromFlags, load }: RuntimeDriver<Settings>) => ({
  flags,
  fromFlags,
  problemOf: (value: JsonObject): string | null => {
    const parsed = settings.safeParse(value);
    return parsed.success ? null : z.prettifyError(parsed.error);
  },
  create: async (value: JsonObject, deps: DriverDeps): Promise<Runtime> =>
    (await load()).create(settings.parse(value), deps),
  check: async function* (value: JsonObject, options: { signal: AbortSignal }): AsyncGenerator<RegionFinding> {
    yield* (await load()).check(settings.parse(value), options);
  },
});

/** Every kind of runtime there is. */
const drivers = {
  process: bind(processDriver),
  kubernetes: bind(kubernetesDriver),
} as const;

type RuntimeKind = keyof typeof drivers;

/** The kinds, in the order of their table. */
export const runtimeKinds = Object.keys(drivers) as readonly RuntimeKind[];

const find = (kind: string) => {
  const driver = Object.entries(drivers).find(([name]) => name === kind)?.[1];
  if (driver !== undefined) return driver;
  throw new DomainError({
    code: "runtime.failed",
    message: `There is no runtime ${kind}.`,
    hint: `There is ${runtimeKinds.join(", ")}.`,
  });
};

const usable = (kind: string, settings: JsonObject) => {
  const driver = find(kind);
  const problem = driver.problemOf(settings);
  if (problem === null) return driver;
  throw new DomainError({
    code: "runtime.failed",
    message: `These are no settings of the runtime ${kind}: ${problem}`,
    hint: "docs/kubernetes.md lists them.",
  });
};

/** The runtime of that kind. Connects to nothing. @throws DomainError: no such kind, or settings it can't use. */
export const createRuntime = async (kind: string, settings: JsonObject, deps: DriverDeps): Promise<Runtime> =>
  usable(kind, settings).create(settings, deps);

/** Proves what a region of that kind and with these settings can do. @throws DomainError as `createRuntime`. */
export const checkRuntime = (
  kind: string,
  settings: JsonObject,
  options: { signal: AbortSignal },
): AsyncIterable<RegionFinding> => usable(kind, settings).check(settings, options);

/** @throws DomainError when there is no such kind, or it can't use these settings. */
export const demandSettings = (kind: string, settings: JsonObject): void => {
  usable(kind, settings);
};

/** Options of all kinds, for a command line. */
export const runtimeFlags: readonly DriverFlag[] = Object.values(drivers).flatMap(({ flags }) => flags);

/** The kind whose flags were given, with its settings. @throws DomainError when it is none or several. */
export const runtimeFromFlags = (values: FlagValues): { kind: string; settings: JsonObject } => {
  const found = Object.entries(drivers).flatMap(([kind, driver]) => {
    const settings = driver.fromFlags(values);
    return settings === undefined ? [] : [{ kind, settings }];
  });
  const [first] = found;
  if (first !== undefined && found.length === 1) return first;
  throw new DomainError({
    code: "runtime.failed",
    message: first === undefined ? "It is not said what the region runs on." : "A region runs on one thing only.",
    hint: `Say one of: ${Object.values(drivers)
      .flatMap(({ flags }) => flags.slice(0, 1))
      .map(({ flag }) => flag)
      .join(", ")}.`,
  });
};
