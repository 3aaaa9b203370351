import type { StoreTransaction } from "../clients/create-clients.ts";
import type { AuditEvent } from "../generated/client.ts";
import { toJson } from "../reconcile/rows.ts";
import { type Page, type PageRequest, toPage } from "./page.ts";

export type AuditRow = AuditEvent;

export interface NewAuditEvent {
  id: string;
  tenantId: string;
  actorType: string;
  actorId: string;
  action: string;
  targetType: string;
  targetId: string;
  detail: object;
  requestId: string | null;
  createdAt: Date;
}

export const auditRepository = {
  /**
   * Appends with the tenant's next number. Holds the tenant's row until the transaction ends: call it last, so that
   * the numbers have no gaps and the wait is short.
   */
  append: async (transaction: StoreTransaction, event: NewAuditEvent): Promise<void> => {
    const detail = JSON.stringify(toJson(event.detail));
    await transaction.$executeRaw`
      with next as (update tenants set audit_seq = audit_seq + 1 where id = ${event.tenantId} returning audit_seq)
      insert into audit_events
        (id, tenant_id, seq, actor_type, actor_id, action, target_type, target_id, detail, request_id, created_at)
      select ${event.id}, ${event.tenantId}, audit_seq, ${event.actorType}, ${event.actorId}, ${event.action},
             ${event.targetType}, ${event.targetId}, ${detail}::jsonb, ${event.requestId}, ${event.createdAt}
      from next`;
  },

  list: async (transaction: StoreTransaction, tenantId: string, page: PageRequest): Promise<Page<AuditRow>> => {
    const rows = await transaction.auditEvent.findMany({
      where: { tenantId, ...(page.after === undefined ? {} : { seq: { lt: BigInt(page.after) } }) },
      orderBy: { seq: "desc" },
      take: page.size + 1,
    });
    return toPage(rows, page.size, (row) => row.seq.toString());
  },
};
