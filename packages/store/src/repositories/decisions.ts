import type { StoreTransaction } from "../clients/create-clients.ts";
import type { Decision } from "../generated/client.ts";
import { toJson } from "../reconcile/rows.ts";
import { idBefore, type Page, type PageRequest, toPage } from "./page.ts";

export type DecisionRow = Decision;

export interface NewDecision {
  id: string;
  /** Before a tenant exists, the portal's id. */
  tenantId: string;
  portalId: string;
  stage: string;
  verdict: string;
  attributes: object;
  reasons: readonly object[];
  policyVersion: number;
  requestId: string | null;
  createdAt: Date;
}

export const decisionRepository = {
  insert: async (transaction: StoreTransaction, decisions: readonly NewDecision[]): Promise<void> => {
    await transaction.decision.createMany({
      data: decisions.map((each) => ({ ...each, attributes: toJson(each.attributes), reasons: toJson(each.reasons) })),
    });
  },

  list: async (transaction: StoreTransaction, tenantId: string, page: PageRequest): Promise<Page<DecisionRow>> => {
    const rows = await transaction.decision.findMany({
      where: { tenantId, id: idBefore(page) },
      orderBy: { id: "desc" },
      take: page.size + 1,
    });
    return toPage(rows, page.size, (row) => row.id);
  },
};
