import type { StoreTransaction } from "../clients/create-clients.ts";
import { toJson } from "../reconcile/rows.ts";

/** Small facts of the installation, for the role system. */
export const settingRepository = {
  get: async (transaction: StoreTransaction, name: string): Promise<unknown> =>
    (await transaction.setting.findUnique({ where: { name } }))?.value ?? null,

  set: async (transaction: StoreTransaction, name: string, value: object): Promise<void> => {
    const json = toJson(value);
    await transaction.setting.upsert({
      where: { name },
      create: { name, value: json },
      update: { value: json, updatedAt: new Date() },
    });
  },
};
