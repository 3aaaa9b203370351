import { anvil } from "./anvil/anvil.ts";
import { besu } from "./besu/besu.ts";
import { fabric } from "./fabric/fabric.ts";
import type { Framework } from "./framework.ts";
import { octez } from "./octez/octez.ts";

/** Slugs that ship with Portolan. A new one here does not compile until `frameworks` has its line. */
export const frameworkSlugs = ["anvil", "besu", "fabric", "octez"] as const;
export type FrameworkSlug = (typeof frameworkSlugs)[number];

/** One line a framework. */
export const frameworks = {
  anvil,
  besu,
  fabric,
  octez,
} as const satisfies { readonly [slug in FrameworkSlug]: Framework };

export interface FrameworkRegistry {
  /** Undefined when there is no such framework. */
  find(slug: string): Framework | undefined;
  list(): readonly Framework[];
}

/** The built-in frameworks and those that an operator adds. Throws when two have the same slug. */
export const createRegistry = (extra: readonly Framework[] = []): FrameworkRegistry => {
  const bySlug = new Map<string, Framework>();
  for (const framework of [...Object.values(frameworks), ...extra]) {
    if (bySlug.has(framework.slug)) throw new Error(`two frameworks are called ${framework.slug}`);
    bySlug.set(framework.slug, framework);
  }
  return { find: (slug) => bySlug.get(slug), list: () => [...bySlug.values()] };
};

const builtIn = createRegistry();

export const findFramework = (slug: string): Framework | undefined => builtIn.find(slug);
