import { randomBytes } from "node:crypto";
import type { PartKeyAnswer, PartKeyRequest } from "@portolan/contract";
import type { Clock, JsonObject } from "@portolan/domain";
import type { StoreClient } from "../clients/create-clients.ts";
import { fromJson, toJson } from "../reconcile/rows.ts";
import type { Notifications } from "./notifications.ts";

/** More than that wait only when no worker answers. */
const maxWaiting = 200;
/** Whoever asked is gone by then. */
const staleMs = 30_000;

/** A gateway's question as a worker with custody sees it. */
export interface WaitingPartKeyRequest {
  id: string;
  tenantId: string;
  chainId: string;
  framework: string;
  kind: string;
  name: string;
  publicKey: string;
  part: { id: string; isDeleted: boolean } | null;
  /** The newest material `<kind>/<part id>`. */
  material: { owner: string; facts: JsonObject; expiresAt: Date | null } | null;
}

/** The worker's side (role system; named use: custody). */
export const createPartKeyAnswers = (deps: { client: StoreClient; clock: Clock }) => {
  const { client, clock } = deps;
  return {
    waiting: async (limit: number): Promise<WaitingPartKeyRequest[]> => {
      const rows = await client.partKeyRequest.findMany({
        where: { answeredAt: null, createdAt: { gt: new Date(clock.now().getTime() - staleMs) } },
        orderBy: { createdAt: "asc" },
        take: limit,
      });
      return Promise.all(
        rows.map(async ({ id, tenantId, chainId, kind, name, publicKey }) => {
          const chain = await client.chain.findUnique({
            where: { id: chainId, tenantId },
            select: { framework: true },
          });
          const part = await client.part.findFirst({
            where: { chainId, tenantId, kind, name },
            select: { id: true, deletedAt: true },
          });
          const material =
            part === null
              ? null
              : await client.material.findFirst({
                  where: { chainId, tenantId, name: `${kind}/${part.id}` },
                  orderBy: { version: "desc" },
                  select: { owner: true, public: true, expiresAt: true },
                });
          return {
            ...{ id, tenantId, chainId, kind, name, publicKey },
            framework: chain?.framework ?? "",
            part: part === null ? null : { id: part.id, isDeleted: part.deletedAt !== null },
            material:
              material === null
                ? null
                : {
                    owner: material.owner,
                    facts: fromJson<JsonObject>(material.public),
                    expiresAt: material.expiresAt,
                  },
          };
        }),
      );
    },
    answer: async (id: string, answer: PartKeyAnswer): Promise<void> => {
      const { sealed, ...open } = answer.kind === "key" ? answer : { ...answer, sealed: null };
      await client.partKeyRequest.updateMany({
        where: { id, answeredAt: null },
        data: {
          answer: toJson(open),
          sealed: sealed === null ? null : new Uint8Array(sealed),
          answeredAt: clock.now(),
        },
      });
    },
  };
};

export type PartKeyAnswers = ReturnType<typeof createPartKeyAnswers>;

/**
 * The gateway's side: a row for the question, a notification or a look now and then for the answer, and no row
 * afterwards, whatever the end.
 */
export const createPartKeyAsker =
  (deps: {
    client: StoreClient;
    clock: Clock;
    notifications: Pick<Notifications, "onEdge">;
    waitMs?: number;
    lookMs?: number;
  }) =>
  async (request: PartKeyRequest): Promise<PartKeyAnswer> => {
    const { client, clock, notifications, waitMs = 5_000, lookMs = 500 } = deps;
    const unavailable: PartKeyAnswer = { kind: "refused", reason: "unavailable" };
    const { region, chainId, kind, name, publicKey } = request;
    const chain = await client.chain.findUnique({
      where: { id: chainId },
      select: { tenantId: true, regions: true, isStandby: true, wish: true },
    });
    // Only of chains that this region's gateway serves.
    if (chain === null || chain.isStandby || chain.wish !== "running" || !chain.regions.includes(region))
      return { kind: "refused", reason: "unknown" };
    if ((await client.partKeyRequest.count({ where: { answeredAt: null } })) >= maxWaiting) return unavailable;
    const id = `pkr_${randomBytes(16).toString("hex")}`;
    let look: () => void = () => undefined;
    const off = notifications.onEdge((hint) => {
      if (hint === null || (hint.kind === "partKey" && hint.id === id)) look();
    });
    try {
      await client.partKeyRequest.create({
        data: { id, tenantId: chain.tenantId, chainId, kind, name, publicKey, createdAt: clock.now() },
      });
      const endsAt = performance.now() + waitMs;
      while (performance.now() < endsAt) {
        await new Promise<void>((resolve) => {
          const timer = setTimeout(resolve, lookMs);
          look = () => {
            clearTimeout(timer);
            resolve();
          };
        });
        const row = await client.partKeyRequest.findUnique({ where: { id } });
        if (row === null) return unavailable;
        if (row.answeredAt === null) continue;
        const answer = fromJson<PartKeyAnswer>(row.answer);
        if (answer.kind === "refused") return answer;
        return row.sealed === null ? unavailable : { ...answer, sealed: new Uint8Array(row.sealed) };
      }
      return unavailable;
    } finally {
      off();
      await client.partKeyRequest.deleteMany({ where: { id } });
    }
  };
