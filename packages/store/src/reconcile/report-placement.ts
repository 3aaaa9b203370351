import type { PlacementReport } from "@portolan/contract";
import { type ChainView, canonicalJson, type NodeObservation, type PlacementObservation } from "@portolan/domain";
import type { StoreTransaction } from "../clients/create-clients.ts";
import { type Placement, Prisma } from "../generated/client.ts";
import { accrueNodeTime } from "./node-time.ts";
import { fromJson, toJson } from "./rows.ts";

/** What a coordinator would decide differently on. Heights and sizes move all the time and change no decision. */
const essence = (observation: PlacementObservation | null, view: ChainView | null, problem: unknown): string =>
  canonicalJson({
    problem: problem ?? null,
    nodes: (observation?.nodes ?? []).map(({ storageBytes: _storageBytes, ...node }) => node),
    volumes: observation?.volumes ?? [],
    facts: view?.facts ?? null,
    view: Object.entries(view?.nodes ?? {}).map(([name, { healthy, reason, detail }]) => ({
      name,
      healthy,
      reason,
      detail,
    })),
  });

const writeNode = async (
  transaction: StoreTransaction,
  placement: Placement,
  seen: NodeObservation,
  view: ChainView | null,
  now: Date,
): Promise<void> => {
  const inside = view?.nodes[seen.node];
  await transaction.node.updateMany({
    where: { placementId: placement.id, name: seen.node },
    data: {
      state: seen.state,
      isHealthy: seen.state === "running" && inside?.healthy === true,
      reason: seen.reason ?? inside?.reason ?? null,
      message: seen.message ?? null,
      incarnation: seen.incarnation,
      startedAt: seen.startedAt ?? null,
      ...(inside?.height === undefined ? {} : { height: inside.height }),
      ...(seen.storageBytes === undefined ? {} : { storageBytes: BigInt(seen.storageBytes) }),
    },
  });
  await accrueNodeTime(transaction, {
    placementId: placement.id,
    node: seen.node,
    isRunning: seen.state === "running",
    startedAt: seen.startedAt === undefined ? null : new Date(seen.startedAt),
    now,
  });
};

/** Writes what a worker saw; `placement` is locked and its fence checked by the caller. True: the coordinator should look. */
export const writeReport = async (
  transaction: StoreTransaction,
  placement: Placement,
  report: PlacementReport,
  now: Date,
): Promise<boolean> => {
  const isCurrent = report.generation === placement.generation;
  const problem = report.problem ?? null;
  // `nextAt` stood at the lease's end since the claim. Who moved it (an order, a suspicion, a retry) wants a look that
  // begins after that: what was seen in this pass doesn't answer it.
  const isNudged = placement.nextAt?.getTime() !== placement.leaseUntil?.getTime();
  const nextAt = isCurrent && !isNudged ? report.nextAt : now;
  await transaction.placement.update({
    where: { id: placement.id },
    data: {
      observation: toJson(report.observation),
      view: report.view === null ? Prisma.DbNull : toJson(report.view),
      stepResults: toJson(report.stepResults),
      problem: problem === null ? Prisma.DbNull : toJson(problem),
      ...(isNudged ? {} : { reportedAt: now }),
      ...(isCurrent && report.isReached ? { observedGeneration: report.generation } : {}),
      attempts: report.isReached && report.hasOpenParts !== true ? 0 : { increment: 1 },
      leaseOwner: null,
      leaseUntil: null,
      nextAt,
    },
  });
  const seen = new Set(report.observation.nodes.map((node) => node.node));
  for (const node of report.observation.nodes) await writeNode(transaction, placement, node, report.view, now);
  const gone = await transaction.node.findMany({
    where: { placementId: placement.id, state: { not: "absent" } },
    select: { name: true },
  });
  for (const { name } of gone.filter((node) => !seen.has(node.name))) {
    await writeNode(transaction, placement, { node: name, state: "absent", incarnation: 0 }, null, now);
  }
  const former = essence(fromJson(placement.observation), fromJson(placement.view), fromJson(placement.problem));
  const isNewlyReached = isCurrent && report.isReached && placement.observedGeneration < report.generation;
  return isNewlyReached || former !== essence(report.observation, report.view, problem);
};
