import { hashCredential, type SessionTokens } from "@portolan/access";
import type { SessionResource } from "@portolan/contract";
import { type Clock, credentialSecretBytes, formatRefreshToken, type IdSource, type Random } from "@portolan/domain";
import { type StoreTransaction, sessionRepository } from "@portolan/store";

/** A session that nobody refreshes ends after this time. */
export const sessionLifetimeMs = 30 * 86_400_000;

export const sessionSecrets = ["token", "refreshToken"] as const;

export const newRefreshToken = (random: Random): { refreshToken: string; refreshHash: string } => {
  const refreshToken = formatRefreshToken(random.bytes(credentialSecretBytes));
  return { refreshToken, refreshHash: hashCredential(refreshToken) };
};

/** Writes a session's row and signs its first access token. */
export const issueSession = async (
  deps: { tokens: SessionTokens; clock: Clock; ids: IdSource; random: Random },
  transaction: StoreTransaction,
  owner: { userId: string; tenantId: string },
): Promise<{ sessionId: string; session: SessionResource }> => {
  const sessionId = deps.ids.next("session");
  const createdAt = deps.clock.now();
  const { refreshToken, refreshHash } = newRefreshToken(deps.random);
  await sessionRepository.insert(transaction, {
    id: sessionId,
    ...owner,
    refreshHash,
    createdAt,
    expiresAt: new Date(createdAt.getTime() + sessionLifetimeMs),
  });
  const { token, expiresAt } = await deps.tokens.sign({ ...owner, sessionId });
  return { sessionId, session: { token, refreshToken, expiresAt: expiresAt.toISOString() } };
};
