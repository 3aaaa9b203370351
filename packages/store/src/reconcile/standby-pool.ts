import type { ChainSpec, Clock, IdSource, JsonObject, NodeSpec, PlacementObservation } from "@portolan/domain";
import type { StoreClient, StoreTransaction } from "../clients/create-clients.ts";
import { inTransaction } from "../clients/with-tenant.ts";
import { chainWishes } from "../repositories/chains-write.ts";
import { fromJson } from "./rows.ts";

/** What all chains of one kind that stand by are. */
export interface StandbyKind {
  framework: string;
  version: string;
  plan: string;
  region: string;
  settings: JsonObject;
}

/** A chain that stands by, or is about to. */
export interface StandbyChain extends StandbyKind {
  id: string;
  /** It runs and all is well. */
  isReady: boolean;
  /** Its region takes new chains. */
  isRegionOpen: boolean;
  /** Since when it has been as it is: made, or a condition last changed. */
  since: Date;
  /** Of whoever wrote what its nodes run on. */
  rendererVersions: readonly number[];
}

/** The operator's own chains that stand by (role system; named use: stand-by pool). */
export interface StandbyPool {
  list(regions: readonly string[]): Promise<StandbyChain[]>;
  /** Makes one more unless there are `count` of the kind already; several workers at once make no more than that. */
  add(
    kind: StandbyKind,
    count: number,
    topology: (spec: ChainSpec) => readonly NodeSpec[],
  ): Promise<"added" | "full" | "no operator">;
  /** Has it removed, volumes and keys too. False: it is none (any more): somebody has adopted it. */
  retire(chainId: string): Promise<boolean>;
}

/** The app of the operator's tenant that owns them. */
const appName = "Stand-by chains";

export const createStandbyPool = (deps: { client: StoreClient; ids: IdSource; clock: Clock }): StandbyPool => {
  const { client, ids, clock } = deps;

  /** The operator's tenant with the app for these chains, which is made when it is missing. */
  const findOwner = async (transaction: StoreTransaction): Promise<{ tenantId: string; appId: string } | null> => {
    const tenant = await transaction.tenant.findFirst({ where: { kind: "operator" }, orderBy: { id: "asc" } });
    if (tenant === null) return null;
    const known = await transaction.app.findFirst({
      where: { tenantId: tenant.id, name: appName, state: "active" },
      orderBy: { id: "asc" },
    });
    if (known !== null) return { tenantId: tenant.id, appId: known.id };
    const appId = ids.next("app");
    const now = clock.now();
    await transaction.app.create({
      data: { id: appId, tenantId: tenant.id, name: appName, createdAt: now, updatedAt: now },
    });
    return { tenantId: tenant.id, appId };
  };

  return {
    list: async (regions) => {
      const rows = await client.chain.findMany({
        where: { isStandby: true, wish: "running", regions: { hasSome: [...regions] } },
        orderBy: { id: "asc" },
      });
      if (rows.length === 0) return [];
      const open = await client.region.findMany({ where: { state: "open" }, select: { slug: true } });
      const placements = await client.placement.findMany({
        where: { chainId: { in: rows.map((row) => row.id) } },
        select: { chainId: true, observation: true },
      });
      return rows.map(({ id, framework, version, plan, regions: [region = ""], ...row }) => {
        const conditions = fromJson<{ since: string }[]>(row.conditions);
        const since = Math.max(row.createdAt.getTime(), ...conditions.map((condition) => Date.parse(condition.since)));
        const observations = placements
          .filter((placement) => placement.chainId === id)
          .map((placement) => fromJson<PlacementObservation | null>(placement.observation));
        return {
          ...{ id, framework, version, plan, region },
          settings: fromJson<JsonObject>(row.settings),
          isReady: row.phase === "running",
          isRegionOpen: open.some(({ slug }) => slug === region),
          since: new Date(since),
          rendererVersions: observations.flatMap((seen) =>
            (seen?.nodes ?? []).flatMap((node) => (node.rendererVersion === undefined ? [] : [node.rendererVersion])),
          ),
        };
      });
    },

    add: (kind, count, topology) =>
      inTransaction(client, async (transaction) => {
        // Who counts while another adds would add too.
        await transaction.$queryRaw`select pg_advisory_xact_lock(1347375700, 3) is null as held`;
        const { framework, version, plan, region, settings } = kind;
        const present = await transaction.$queryRaw<unknown[]>`
          select 1 from chains where is_standby and wish = 'running' and framework = ${framework} and version = ${version}
            and plan = ${plan} and regions = array[${region}] and settings = ${JSON.stringify(settings)}::jsonb`;
        if (present.length >= count) return "full";
        // A region that takes no new chains takes none that wait for somebody either.
        if ((await transaction.region.count({ where: { slug: region, state: "open" } })) === 0) return "full";
        const owner = await findOwner(transaction);
        if (owner === null) return "no operator";
        const chain = { id: ids.next("chain"), ...owner, framework, version, plan, settings, regions: [region] };
        await chainWishes.insert(
          transaction,
          // It reserves nothing of a quota before somebody adopts it.
          {
            ...chain,
            name: "stand-by",
            hosting: "dedicated",
            nodeCount: 0,
            storageBytes: 0n,
            createdAt: clock.now(),
            isStandby: true,
          },
          [{ id: ids.next("placement"), region }],
          topology,
        );
        return "added";
      }),

    retire: async (chainId) => {
      const now = clock.now();
      const { count } = await client.chain.updateMany({
        where: { id: chainId, isStandby: true, wish: "running" },
        data: {
          wish: "purged",
          deletedAt: now,
          generation: { increment: 1 },
          routeVersion: { increment: 1 },
          nextAt: now,
          dirty: true,
          attempts: 0,
          updatedAt: now,
        },
      });
      return count === 1;
    },
  };
};
