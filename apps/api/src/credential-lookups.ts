import type { CredentialLookups } from "@portolan/access";
import { type Clock, roleSchema } from "@portolan/domain";
import { outsideTransaction, type StoreClients, serviceAccountRepository, sessionRepository } from "@portolan/store";

/** Credentials from the store, with the role system: their tenant is what is being found out. */
export const createCredentialLookups = (deps: {
  clients: Pick<StoreClients, "system">;
  clock: Clock;
}): CredentialLookups => {
  const system = outsideTransaction(deps.clients.system);
  return {
    session: async (sessionId) => {
      const row = await sessionRepository.live(system, sessionId);
      return row === null ? null : { ...row, role: roleSchema.parse(row.role) };
    },
    serviceAccount: async (secretHash) => {
      const row = await serviceAccountRepository.live(system, secretHash);
      if (row === null) return null;
      await serviceAccountRepository.touch(system, row.id, deps.clock.now());
      return { ...row, role: roleSchema.parse(row.role) };
    },
  };
};
