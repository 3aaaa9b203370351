import type { CentrePort, Fenced, PlacementClaim, UsageBatch } from "@portolan/contract";
import {
  type ChainView,
  type Clock,
  DomainError,
  type MaterialRef,
  type NodeAddress,
  type StepResult,
  toBlueprintRefs,
  type WorkOrder,
} from "@portolan/domain";
import type { StoreClient, StoreTransaction } from "../clients/create-clients.ts";
import { inTransaction } from "../clients/with-tenant.ts";
import type { Placement } from "../generated/client.ts";
import { listDoomedBackups, recordBackupRemoved } from "./backup-removal.ts";
import type { StoredRoute } from "./chain-work.ts";
import { loadRegistryLogins } from "./registry-access.ts";
import { writeReport } from "./report-placement.ts";
import { type CentreSecrets, resealForWorker } from "./reseal-for-worker.ts";
import { fromJson, toJson } from "./rows.ts";
import { withoutNodes, withUnwellNodes } from "./shut-nodes.ts";

export interface CentreHints {
  /** Calls back with the payload of each work notification until closed; `null` after a gap. */
  onWork(
    callback: (payload: { placementId?: string; chainId?: string; region?: string; logRequest?: true } | null) => void,
  ): () => void;
}

export interface PostgresCentrePortDeps {
  client: StoreClient;
  /** With a connection that nothing else waits for: a lease must not run out because its worker is busy. */
  renewals?: StoreClient;
  clock: Clock;
  secrets: CentreSecrets;
  hints: CentreHints;
  ingestUsage: (batch: UsageBatch) => Promise<{ isDuplicate: boolean }>;
}

const fenced = { fenced: true } as const;

/** What this placement's own order references: other regions' secrets never leave the centre. */
const ofOrder = (placement: Placement, refs: readonly MaterialRef[]): MaterialRef[] => {
  const blueprint = fromJson<WorkOrder | null>(placement.workOrder)?.blueprint;
  const known = blueprint === undefined ? [] : toBlueprintRefs(blueprint).secrets;
  return refs.filter((ref) => known.some((item) => item.material === ref.material && item.version === ref.version));
};

/** The centre as a worker on the same database sees it (role system; named use: reconcile). */
export const createPostgresCentrePort = (deps: PostgresCentrePortDeps): CentrePort => {
  const { client, clock, secrets } = deps;

  const held = async <T extends object>(
    placementId: string,
    fence: bigint,
    work: (transaction: StoreTransaction, placement: Placement) => Promise<T>,
  ): Promise<Fenced<T>> =>
    inTransaction(client, async (transaction) => {
      // The chain first, as a coordinator does: two that lock in different orders wait for each other forever.
      await transaction.$queryRaw`
        select 1 from chains where id = (select chain_id from placements where id = ${placementId}) for update`;
      await transaction.$queryRaw`select 1 from placements where id = ${placementId} for update`;
      const placement = await transaction.placement.findUnique({ where: { id: placementId } });
      if (placement === null || placement.fence !== fence || placement.leaseOwner === null) return fenced;
      return { fenced: false, ...(await work(transaction, placement)) };
    });

  const wakeChain = (transaction: StoreTransaction, chainId: string) =>
    transaction.chain.updateMany({ where: { id: chainId }, data: { nextAt: clock.now(), dirty: true } });

  return {
    due: async (regions, limit) => {
      const now = clock.now();
      const rows = await client.$queryRaw<{ id: string }[]>`
        select id from placements where region = any(${[...regions]}) and next_at <= ${now}
          and work_order is not null and (lease_until is null or lease_until <= ${now}) order by next_at limit ${limit}`;
      return rows.map((row) => row.id);
    },

    recheck: async (regions) => {
      const now = clock.now();
      await client.$executeRaw`
        update placements set next_at = ${now} where region = any(${[...regions]}) and work_order is not null
          and (next_at > ${now} or (next_at is null and work_order ->> 'action' <> 'purge'))`;
    },

    claim: async (placementId, worker) => {
      const now = clock.now();
      const until = new Date(now.getTime() + worker.leaseMs);
      const [row] = await client.placement.updateManyAndReturn({
        where: { id: placementId, OR: [{ leaseUntil: null }, { leaseUntil: { lte: now } }] },
        // Whoever moves `nextAt` before the report wants another look: see `writeReport`.
        data: { leaseOwner: worker.id, leaseUntil: until, nextAt: until, fence: { increment: 1 } },
      });
      if (row === undefined) return null;
      return toClaim(row, until);
    },

    renew: async (leases, leaseMs) => {
      const until = new Date(clock.now().getTime() + leaseMs);
      const ids = leases.map(({ placementId }) => placementId);
      const fences = leases.map(({ fence }) => String(fence));
      // Rows that are locked are passed over: who waits with some of them locked may be waited for.
      const lost = await (deps.renewals ?? client).$queryRaw<{ id: string; fence: string }[]>`
        with asked as (select * from unnest(${ids}::text[], ${fences}::text[]) as asked (id, fence)),
        free as (
          select p.id from placements p join asked on asked.id = p.id and asked.fence::bigint = p.fence
          where p.lease_owner is not null for update of p skip locked
        ), renewed as (
          update placements p set lease_until = ${until}, next_at = case when p.next_at = p.lease_until then ${until} else p.next_at end
          from free where p.id = free.id
        )
        select asked.id, asked.fence from asked where not exists (
          select 1 from placements p where p.id = asked.id and p.fence = asked.fence::bigint and p.lease_owner is not null)`;
      const names = new Set(lost.map(({ id, fence }) => `${id}/${fence}`));
      return { lost: leases.filter(({ placementId, fence }) => names.has(`${placementId}/${fence}`)) };
    },

    reportAddresses: (placementId, fence, addresses) =>
      held(placementId, fence, async (transaction, placement) => {
        await transaction.placement.update({ where: { id: placementId }, data: { addresses: toJson(addresses) } });
        await wakeChain(transaction, placement.chainId);
        return {};
      }),

    secrets: async (placementId, fence, refs, workerPublicKey) => {
      const read = await held(placementId, fence, async (transaction, placement) => {
        const { tenantId, chainId } = placement;
        const allowed = ofOrder(placement, refs);
        const select = { sealedFor: true, appId: true };
        const chain = await transaction.chain.findUnique({ where: { id: chainId }, select });
        return {
          ...{ tenantId, chainId, chain },
          logins: await loadRegistryLogins(transaction, { tenantId, appId: chain?.appId ?? "" }, allowed),
          rows: await transaction.material.findMany({
            where: { chainId, OR: allowed.map((ref) => ({ name: ref.material, version: ref.version })) },
            select: { name: true, version: true, sealed: true },
          }),
        };
      });
      if (read.fenced) return fenced;
      // Sealing happens outside the transaction: nothing slow stands between BEGIN and COMMIT.
      const found = { ...read, sealedFor: read.chain?.sealedFor ?? read.tenantId };
      return { fenced: false, secrets: await resealForWorker(secrets, found, refs, workerPublicKey) };
    },

    publics: (placementId, fence, refs) =>
      held(placementId, fence, async (transaction, placement) => {
        const rows = await transaction.material.findMany({
          where: { chainId: placement.chainId, OR: refs.map((ref) => ({ name: ref.material, version: ref.version })) },
        });
        return {
          items: refs.flatMap((ref) => {
            const row = rows.find((item) => item.name === ref.material && item.version === ref.version);
            return row === undefined ? [] : [{ ref, value: fromJson<string>(row.public) }];
          }),
        };
      }),

    sign: async (placementId, fence, ref, data) => {
      const read = await held(placementId, fence, async (_transaction, placement) => ({
        tenantId: placement.tenantId,
        chainId: placement.chainId,
        isAllowed: fromJson<WorkOrder | null>(placement.workOrder)?.signers?.includes(ref) === true,
      }));
      if (read.fenced) return fenced;
      if (!read.isAllowed) {
        throw new DomainError({
          code: "permission.denied",
          message: `The placement's order does not allow a signature with ${ref}.`,
          hint: "What a region may have signed is what its framework names in signers().",
        });
      }
      return {
        fenced: false,
        signature: await secrets.sign({ tenantId: read.tenantId, chainId: read.chainId, ref, data }),
      };
    },

    reportStep: (placementId, fence, result) =>
      held(placementId, fence, async (transaction, placement) => {
        const former = fromJson<StepResult[]>(placement.stepResults).filter((item) => item.key !== result.key);
        await transaction.placement.update({
          where: { id: placementId },
          data: { stepResults: toJson([...former, result]) },
        });
        await wakeChain(transaction, placement.chainId);
        return {};
      }),

    reportDown: (placementId, fence, nodes) =>
      held(placementId, fence, async (transaction, placement) => {
        const chain = await transaction.chain.findUnique({ where: { id: placement.chainId }, select: { route: true } });
        // The view too: a coordinator that passes before the next report would open the route again.
        const view = fromJson<ChainView | null>(placement.view);
        if (view !== null) {
          const unwell = toJson(withUnwellNodes(view, nodes));
          await transaction.placement.update({ where: { id: placementId }, data: { view: unwell } });
        }
        const route = fromJson<StoredRoute | null>(chain?.route ?? null);
        if (route?.state === "open") {
          const shut = withoutNodes(route, placement.region, nodes);
          await transaction.chain.update({
            where: { id: placement.chainId },
            data: { route: toJson(shut), routeVersion: { increment: 1 }, nextAt: clock.now(), dirty: true },
          });
        }
        return {};
      }),

    report: (report) =>
      held(report.placementId, report.fence, async (transaction, placement) => {
        if (await writeReport(transaction, placement, report, clock.now()))
          await wakeChain(transaction, placement.chainId);
        else {
          // A suspicion is answered by any later look, also by one that saw nothing new.
          await transaction.chain.updateMany({
            where: { id: placement.chainId, suspectedAt: { gte: placement.reportedAt ?? new Date(0) } },
            data: { nextAt: clock.now(), dirty: true },
          });
        }
        return {};
      }),

    release: async (placementId, fence, nextAt) => {
      await client.placement.updateMany({
        where: { id: placementId, fence },
        data: { leaseOwner: null, leaseUntil: null, ...(nextAt === undefined ? {} : { nextAt }) },
      });
    },

    logRequests: async (regions) => {
      const rows = await client.logRequest.findMany({
        where: { region: { in: [...regions] }, answeredAt: null },
        take: 20,
        orderBy: { id: "asc" },
      });
      const placements = await client.placement.findMany({
        where: { id: { in: rows.map((row) => row.placementId) } },
        select: { id: true, chainId: true },
      });
      const chainIds = new Map(placements.map((placement) => [placement.id, placement.chainId]));
      return rows.map((row) => ({
        id: row.id,
        placementId: row.placementId,
        chainId: chainIds.get(row.placementId) ?? "",
        tenantId: row.tenantId,
        region: row.region,
        node: row.node,
        limit: row.limit,
        ...(row.since === null ? {} : { since: row.since.toISOString() }),
      }));
    },

    answerLogs: async (requestId, lines) => {
      await client.logRequest.updateMany({
        where: { id: requestId, answeredAt: null },
        data: { lines: toJson(lines), answeredAt: clock.now() },
      });
    },

    reportUsage: (batch) => deps.ingestUsage(batch),

    watch: async (regions, onHint, signal) => {
      const off = deps.hints.onWork((payload) => {
        // After a gap nothing is known: the sweep finds what was missed.
        if (payload === null || (payload.region !== undefined && !regions.includes(payload.region))) return;
        if (payload.placementId !== undefined) onHint({ placementId: payload.placementId });
        if (payload.logRequest === true) onHint({ logRequest: true });
      });
      await new Promise<void>((resolve) => {
        if (signal.aborted) resolve();
        signal.addEventListener("abort", () => resolve(), { once: true });
      });
      off();
    },

    doomedBackups: (regions, limit) => listDoomedBackups(client, regions, limit),
    backupRemoved: (backupId, region) => recordBackupRemoved({ client, clock }, backupId, region),

    known: async (region) => {
      const rows = await client.placement.findMany({ where: { region }, select: { id: true } });
      return rows.map((row) => row.id);
    },
  };
};

const toClaim = (row: Placement, until: Date): PlacementClaim => ({
  placementId: row.id,
  chainId: row.chainId,
  tenantId: row.tenantId,
  region: row.region,
  fence: row.fence,
  until,
  generation: row.generation,
  observedGeneration: row.observedGeneration,
  attempts: row.attempts,
  addresses: fromJson<NodeAddress[]>(row.addresses),
  order: fromJson(row.workOrder),
  previousView: fromJson(row.view),
  stepResults: fromJson(row.stepResults),
});
