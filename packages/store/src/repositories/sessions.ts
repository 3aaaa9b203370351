import type { StoreTransaction } from "../clients/create-clients.ts";

export interface NewSession {
  id: string;
  tenantId: string;
  userId: string;
  refreshHash: string;
  expiresAt: Date;
  createdAt: Date;
}

export interface LiveSession {
  sessionId: string;
  userId: string;
  tenantId: string;
  portalId: string;
  role: string;
  expiresAt: Date;
}

export type Rotation =
  | { outcome: "rotated"; session: LiveSession }
  /** A token that was used before: somebody else has it too, and the session has ended. */
  | { outcome: "reused"; sessionId: string }
  | { outcome: "unknown" };

/** Sessions, for the role system: a credential is looked up before its tenant is known. */
export const sessionRepository = {
  insert: async (transaction: StoreTransaction, session: NewSession): Promise<void> => {
    await transaction.session.create({ data: { ...session, refreshedAt: session.createdAt } });
  },

  /** Null when it has ended, or its user or membership is gone. */
  live: async (transaction: StoreTransaction, sessionId: string): Promise<LiveSession | null> => {
    const [row] = await transaction.$queryRaw<LiveSession[]>`
      select s.id as "sessionId", s.user_id as "userId", s.tenant_id as "tenantId", t.portal_id as "portalId",
             m.role, s.expires_at as "expiresAt"
      from sessions s
      join users u on u.id = s.user_id and u.state = 'active'
      join tenants t on t.id = s.tenant_id and t.state = 'active'
      join members m on m.tenant_id = s.tenant_id and m.user_id = s.user_id
      where s.id = ${sessionId} and s.revoked_at is null`;
    return row ?? null;
  },

  rotate: (
    transaction: StoreTransaction,
    input: { presentedHash: string; nextHash: string; now: Date; expiresAt: Date },
  ): Promise<Rotation> => rotate(transaction, input),

  revoke: async (transaction: StoreTransaction, sessionId: string, now: Date): Promise<boolean> =>
    (await transaction.session.updateMany({ where: { id: sessionId, revokedAt: null }, data: { revokedAt: now } }))
      .count === 1,
};

const rotate = async (
  transaction: StoreTransaction,
  input: { presentedHash: string; nextHash: string; now: Date; expiresAt: Date },
): Promise<Rotation> => {
  const { presentedHash, nextHash, now, expiresAt } = input;
  const rotated = await transaction.session.updateManyAndReturn({
    where: { refreshHash: presentedHash, revokedAt: null, expiresAt: { gt: now } },
    data: { refreshHash: nextHash, formerHash: presentedHash, refreshedAt: now, expiresAt },
    select: { id: true },
  });
  const id = rotated[0]?.id;
  if (id !== undefined) {
    const session = await sessionRepository.live(transaction, id);
    return session === null ? { outcome: "unknown" } : { outcome: "rotated", session };
  }
  const [reused] = await transaction.session.updateManyAndReturn({
    where: { formerHash: presentedHash },
    data: { revokedAt: now },
    select: { id: true },
  });
  return reused === undefined ? { outcome: "unknown" } : { outcome: "reused", sessionId: reused.id };
};
