import type { StoreTransaction } from "../clients/create-clients.ts";
import type { RegistryCredential } from "../generated/client.ts";
import { idBefore, type Page, type PageRequest, toPage } from "./page.ts";

/** Without the sealed part, which no tenant's transaction may read. */
export type RegistryCredentialRow = Omit<RegistryCredential, "sealed">;

export interface NewRegistryCredential {
  id: string;
  tenantId: string;
  appId: string;
  host: string;
  username: string;
  /** A login (`encodeRegistryLogin`), sealed in `registryContext` with this id. */
  sealed: Uint8Array;
  createdAt: Date;
}

interface Address {
  tenantId: string;
  appId: string;
  host: string;
}

/** What apps have to pull their own images with. Whoever writes holds the app's row (`appRepository.lock`). */
export const registryCredentialRepository = {
  find: (transaction: StoreTransaction, { tenantId, appId, host }: Address): Promise<RegistryCredentialRow | null> =>
    transaction.registryCredential.findFirst({ where: { tenantId, appId, host } }),

  /** Last written first. */
  list: async (
    transaction: StoreTransaction,
    tenantId: string,
    appId: string,
    page: PageRequest,
  ): Promise<Page<RegistryCredentialRow>> => {
    const rows = await transaction.registryCredential.findMany({
      where: { tenantId, appId, id: idBefore(page) },
      orderBy: { id: "desc" },
      take: page.size + 1,
    });
    return toPage(rows, page.size, (row) => row.id);
  },

  count: (transaction: StoreTransaction, tenantId: string, appId: string): Promise<number> =>
    transaction.registryCredential.count({ where: { tenantId, appId } }),

  /** In the place of what the app had for the host; its version is one that nothing had before. */
  replace: async (transaction: StoreTransaction, row: NewRegistryCredential): Promise<RegistryCredentialRow> => {
    const { tenantId, appId, host } = row;
    await transaction.registryCredential.deleteMany({ where: { tenantId, appId, host } });
    return transaction.registryCredential.create({ data: { ...row, sealed: new Uint8Array(row.sealed) } });
  },

  /** False: there was none. */
  remove: async (transaction: StoreTransaction, { tenantId, appId, host }: Address): Promise<boolean> => {
    const { count } = await transaction.registryCredential.deleteMany({ where: { tenantId, appId, host } });
    return count > 0;
  },

  removeAll: async (transaction: StoreTransaction, tenantId: string, appId: string): Promise<void> => {
    await transaction.registryCredential.deleteMany({ where: { tenantId, appId } });
  },
};
