import {
  type Clock,
  completePriceBook,
  domesticPolicy,
  globalPolicy,
  type IdSource,
  normalizeEmail,
  type Policy,
  type PriceBookData,
  sampleDomesticPriceBookData,
  samplePriceBookData,
} from "@portolan/domain";
import type { StoreClient, StoreTransaction } from "./clients/create-clients.ts";
import { inTransaction } from "./clients/with-tenant.ts";
import { toJson } from "./reconcile/rows.ts";
import { type DeclaredRegions, type SeedRegion, seedDeclaredRegions, seedRegion } from "./seed-regions.ts";

export interface SeedOptions {
  client: StoreClient;
  ids: IdSource;
  clock: Clock;
  regions: readonly SeedRegion[];
  /** What the installation's regions file names; absent: it has none, and nothing is closed. */
  declared?: DeclaredRegions;
  /** Signup mode of portals that are made now; existing ones keep theirs. */
  signupMode: "open" | "invite" | "approval" | "closed";
  /** The account of who runs the plane, made once. */
  operator?: { email: string; passwordHash: string; country: string };
}

interface SamplePortal {
  slug: string;
  name: string;
  policy: Policy;
  priceBook: PriceBookData;
  trialCreditMicros: bigint;
}

const portals: readonly SamplePortal[] = [
  {
    slug: "global",
    name: "Global portal",
    policy: globalPolicy,
    priceBook: samplePriceBookData,
    trialCreditMicros: 10_000_000n,
  },
  {
    slug: "domestic",
    name: "Domestic portal",
    policy: domesticPolicy,
    priceBook: sampleDomesticPriceBookData,
    trialCreditMicros: 70_000_000n,
  },
];

/**
 * Makes the two portals with their policies and price books, the regions and the operator's account, each only if it
 * is missing; a region's gateway URL follows the configuration, and declared regions their file. Two starters at once do it once. With the role system.
 */
export const seed = async (options: SeedOptions): Promise<{ hasMadeOperator: boolean }> =>
  inTransaction(options.client, async (transaction) => {
    await transaction.$queryRaw`select pg_advisory_xact_lock(1347375700, 2) is null as held`;
    for (const portal of portals) await seedPortal(transaction, options, portal);
    for (const region of options.regions) await seedRegion(transaction, options, region);
    if (options.declared !== undefined) await seedDeclaredRegions(transaction, options, options.declared);
    return { hasMadeOperator: await seedOperator(transaction, options) };
  });

const seedPortal = async (transaction: StoreTransaction, options: SeedOptions, sample: SamplePortal): Promise<void> => {
  const { ids, clock, signupMode } = options;
  const { slug, name, policy, priceBook, trialCreditMicros } = sample;
  const createdAt = clock.now();
  const portalId = ids.next("portal");
  const { count } = await transaction.portal.createMany({
    data: {
      id: portalId,
      slug,
      name,
      currency: priceBook.currency,
      signupMode,
      policy: toJson(policy),
      policyVersion: policy.version,
      trialCreditMicros,
      createdAt,
    },
    skipDuplicates: true,
  });
  if (count === 0) await seedMissingPrices(transaction, options, sample);
  else await insertPriceBook(transaction, options, portalId, priceBook);
};

const insertPriceBook = async (
  transaction: StoreTransaction,
  { ids, clock }: SeedOptions,
  portalId: string,
  priceBook: PriceBookData,
): Promise<void> => {
  // A book holds prices with their own beginnings; itself it is valid from the first of them.
  const validFrom = new Date(Math.min(...priceBook.prices.map((price) => Date.parse(price.validFrom))));
  const { version, currency } = priceBook;
  await transaction.priceBook.create({
    data: {
      id: ids.next("priceBook"),
      portalId,
      version,
      currency,
      validFrom,
      prices: toJson(priceBook),
      createdAt: clock.now(),
    },
  });
};

/** A release that counts something new brings the sample's price of it to books that have none. */
const seedMissingPrices = async (
  transaction: StoreTransaction,
  options: SeedOptions,
  { slug, priceBook }: SamplePortal,
): Promise<void> => {
  const portal = await transaction.portal.findUniqueOrThrow({ where: { slug } });
  const newest = await transaction.priceBook.findFirst({
    where: { portalId: portal.id },
    orderBy: { version: "desc" },
  });
  if (newest === null) return;
  const next = completePriceBook(newest.prices as PriceBookData, priceBook, options.clock.now());
  if (next !== null) await insertPriceBook(transaction, options, portal.id, next);
};

const seedOperator = async (transaction: StoreTransaction, options: SeedOptions): Promise<boolean> => {
  const { ids, clock, operator } = options;
  if (operator === undefined || (await transaction.tenant.count({ where: { kind: "operator" } })) > 0) return false;
  const portal = await transaction.portal.findUniqueOrThrow({ where: { slug: "global" } });
  const createdAt = clock.now();
  const tenantId = ids.next("tenant");
  const userId = ids.next("user");
  const { email, passwordHash, country } = operator;
  await transaction.tenant.create({
    data: { id: tenantId, portalId: portal.id, name: "Operator", country, kind: "operator", createdAt },
  });
  await transaction.user.create({
    data: { id: userId, portalId: portal.id, email, emailKey: normalizeEmail(email), passwordHash, country, createdAt },
  });
  await transaction.member.create({ data: { id: ids.next("member"), tenantId, userId, role: "operator", createdAt } });
  return true;
};
