import type { CredentialLookups } from "@portolan/access";
import { type Clock, roleSchema } from "@portolan/domain";
import { inTransaction, type StoreClients, serviceAccountRepository, sessionRepository } from "@portolan/store";

/** Credentials from the store, with the role system: their tenant is what is being found out. */
export const createCredentialLookups = (deps: {
  clients: Pick<StoreClients, "system">;
  clock: Clock;
}): CredentialLookups => ({
  session: async (sessionId) => {
    const row = await inTransaction(deps.clients.system, (transaction) =>
      sessionRepository.live(transaction, sessionId),
    );
    return row === null ? null : { ...row, role: roleSchema.parse(row.role) };
  },
  serviceAccount: async (secretHash) =>
    inTransaction(deps.clients.system, async (transaction) => {
      const row = await serviceAccountRepository.live(transaction, secretHash);
      if (row === null) return null;
      await serviceAccountRepository.touch(transaction, row.id, deps.clock.now());
      return { ...row, role: roleSchema.parse(row.role) };
    }),
});
