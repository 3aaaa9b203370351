import type { JsonObject } from "@portolan/domain";
import { z } from "zod";
import type { Framework, FrameworkVersion } from "./framework.ts";

const slug = z.string().regex(/^[a-z][a-z0-9-]{0,63}$/);

const entry = z.strictObject({
  framework: slug,
  /** The framework's default unless told. */
  version: z.string().min(1).max(64).optional(),
  plan: slug,
  region: slug,
  count: z.number().int().min(0).max(50),
});

const entries = z
  .array(entry)
  .max(50)
  .refine(
    (list) =>
      new Set(list.map(({ framework, version, plan, region }) => [framework, version, plan, region].join(" "))).size ===
      list.length,
  );

/** How many chains of one kind are to stand by in a region. */
export type StandbyEntry = z.output<typeof entry>;

const form = "PORTOLAN_STANDBY is a list of { framework, version?, plan, region, count }, each kind once";

/** The operator's list of chains that stand by, from its configuration's JSON. Throws a sentence that says its form. */
export const parseStandby = (text: string): StandbyEntry[] => {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new Error(`PORTOLAN_STANDBY is not JSON; ${form}`);
  }
  const parsed = entries.safeParse(value);
  if (parsed.success) return parsed.data;
  const places = parsed.error.issues.map((issue) => issue.path.join(".") || "the list").join(", ");
  throw new Error(`${form}; wrong at: ${places}`);
};

/** An entry with everything that a chain must equal to stand by for it: the version of today, the settings' defaults. */
export interface StandbyTarget {
  framework: Framework;
  version: string;
  plan: string;
  region: string;
  settings: JsonObject;
  count: number;
}

/** The version of a chain that names none. */
export const defaultVersion = ({ versions }: { versions: readonly FrameworkVersion[] }): string | undefined =>
  versions.find(({ isDefault }) => isDefault)?.version ?? versions.at(-1)?.version;

/**
 * Null: no chain of that kind can be made of nothing but defaults (unknown framework, version or plan; settings without
 * defaults; nodes of its own not offered).
 */
export const toStandbyTarget = (
  { version, plan, region, count, ...named }: StandbyEntry,
  find: (slug: string) => Framework | undefined,
): StandbyTarget | null => {
  const framework = find(named.framework);
  if (framework === undefined) return null;
  const wanted = version ?? defaultVersion(framework);
  if (wanted === undefined || !framework.versions.some((each) => each.version === wanted)) return null;
  if (!framework.plans.some((each) => each.plan === plan) || !framework.sharing.includes("dedicated")) return null;
  const settings = framework.settings.safeParse({});
  return settings.success ? { framework, version: wanted, plan, region, settings: settings.data, count } : null;
};
