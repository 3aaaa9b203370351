import type { ChainSpec, PlanFacts } from "@portolan/domain";
import { DomainError } from "@portolan/domain";
import type { Framework, RuntimeCapabilities } from "@portolan/frameworks";
import { invalidField } from "../../http/invalid-request.ts";
import { storageOf } from "./quoted-nodes.ts";

/**
 * The version that a chain that is there is to have. Throws where the framework has none of that name, and where it
 * does not list it as one that the present one may be upgraded to: nodes of an older one may not read what is there.
 */
export const reviewVersion = (
  { slug, versions }: Pick<Framework, "slug" | "versions">,
  former: string,
  wanted: string | undefined,
): string => {
  if (wanted === undefined || wanted === former) return former;
  if (!versions.some(({ version }) => version === wanted)) {
    const offered = versions.map(({ version }) => version).join(", ");
    throw invalidField("version", "unknown", `is not a version of ${slug}`, `Offered: ${offered}.`);
  }
  const ahead = versions.find(({ version }) => version === former)?.upgradesTo ?? [];
  if (ahead.includes(wanted)) return wanted;
  throw invalidField(
    "version",
    "not_an_upgrade",
    `of ${slug} can't be changed from ${former} to ${wanted}`,
    ahead.length === 0
      ? `From ${former} there is no upgrade; a new chain can be of ${wanted}.`
      : `From ${former} a chain can go to ${ahead.join(", ")}; a new chain can be of ${wanted}.`,
  );
};

/** The plan's facts. Throws `plan.unknown`. */
export const findPlan = ({ slug, plans }: Pick<Framework, "slug" | "plans">, wanted: string): PlanFacts => {
  const facts = plans.find(({ plan }) => plan === wanted);
  if (facts !== undefined) return facts;
  throw new DomainError({
    code: "plan.unknown",
    message: `${slug} has no such plan.`,
    hint: `Offered: ${plans.map(({ plan }) => plan).join(", ")}.`,
  });
};

/**
 * Whether volumes that are there may become those of another plan. Throws where they would be smaller (data would be
 * lost), and where a region's storage can't be made larger.
 */
export const demandStorage = (
  former: PlanFacts,
  next: PlanFacts,
  spec: Pick<ChainSpec, "regions">,
  regions: readonly { slug: string; capabilities: RuntimeCapabilities | null }[],
): void => {
  if (storageOf(next) < storageOf(former)) {
    throw invalidField(
      "plan",
      "storage_smaller",
      `${next.plan} has less storage than ${former.plan}, and volumes can't be made smaller`,
      "Keep the plan, or make another chain of the smaller one.",
    );
  }
  if (storageOf(next) === storageOf(former)) return;
  const fixed = spec.regions.filter(
    (slug) => regions.find((region) => region.slug === slug)?.capabilities?.hasStorageExpansion === false,
  );
  if (fixed.length === 0) return;
  throw invalidField(
    "plan",
    "storage_fixed",
    `${next.plan} has more storage than ${former.plan}, and that of ${fixed.join(", ")} can't be made larger`,
    "The operator can offer a storage class with allowVolumeExpansion; else make another chain of the larger plan.",
  );
};
