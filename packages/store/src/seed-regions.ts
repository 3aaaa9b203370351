import type { Clock, IdSource } from "@portolan/domain";
import type { StoreTransaction } from "./clients/create-clients.ts";
import { Prisma } from "./generated/client.ts";
import { fromJson, toJson } from "./reconcile/rows.ts";

export interface SeedRegion {
  slug: string;
  name: string;
  provider: string;
  country: string;
  city: string;
  jurisdiction: string;
  operator: string;
  /** Kind of its runtime. */
  runtime: string;
  gatewayUrl: string;
}

/** The region of a plane that runs on one machine. */
export const localRegion = (gatewayUrl: string, jurisdiction = "local"): SeedRegion => ({
  slug: "local",
  name: "This machine",
  provider: "local",
  country: "ZZ",
  city: "local",
  jurisdiction,
  operator: "operator",
  runtime: "process",
  gatewayUrl,
});

/** Regions that an installation's own file names. */
export interface DeclaredRegions {
  /** The installation, for life: what vanishes from its file is told from what others declare. */
  source: string;
  regions: readonly SeedRegion[];
}

interface Deps {
  ids: IdSource;
  clock: Clock;
}

const vanished = {
  code: "region.unknown",
  message: "The region is no longer in the regions file of its installation.",
  hint: "Add it again with `portolan regions add`, and its chains are looked after again.",
};

/** Makes a region that is missing; of one that is there only the gateway's URL follows the configuration. */
export const seedRegion = async (
  transaction: StoreTransaction,
  { ids, clock }: Deps,
  region: SeedRegion,
): Promise<void> => {
  await transaction.region.upsert({
    where: { slug: region.slug },
    create: { id: ids.next("region"), ...region, state: "open", capacity: {}, createdAt: clock.now() },
    update: { gatewayUrl: region.gatewayUrl, source: null },
  });
};

/**
 * Brings the rows to what the file says. A region that vanished from it is closed to new chains; its chains stay as
 * they are, unknown for want of reports. One that comes back is open again, unless it was closed for another reason.
 */
export const seedDeclaredRegions = async (
  transaction: StoreTransaction,
  deps: Deps,
  { source, regions }: DeclaredRegions,
): Promise<void> => {
  for (const region of regions) {
    const former = await transaction.region.findUnique({ where: { slug: region.slug } });
    const isBack = fromJson<{ code: string } | null>(former?.problem ?? null)?.code === vanished.code;
    await transaction.region.upsert({
      where: { slug: region.slug },
      create: {
        ...{ id: deps.ids.next("region"), ...region, source, state: "open", capacity: {} },
        createdAt: deps.clock.now(),
      },
      update: { ...region, source, ...(isBack ? { state: "open", problem: Prisma.DbNull } : {}) },
    });
  }
  await transaction.region.updateMany({
    where: { source, slug: { notIn: regions.map(({ slug }) => slug) } },
    data: { state: "closed", problem: toJson(vanished) },
  });
};
