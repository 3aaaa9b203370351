import { type MaterialRef, type RegistryCredential, registryOf } from "@portolan/domain";
import type { StoreTransaction } from "../clients/create-clients.ts";

interface Owner {
  tenantId: string;
  appId: string;
}

/** An app's credential as it is sealed, and what it was sealed for. */
export interface SealedRegistryLogin extends Owner {
  id: string;
  ref: MaterialRef;
  host: string;
  sealed: Uint8Array;
}

/** What of registries a chain's app has credentials for, without them. For the coordinator. */
export const loadRegistries = async (
  transaction: StoreTransaction,
  { tenantId, appId }: Owner,
): Promise<RegistryCredential[]> => {
  const rows = await transaction.registryCredential.findMany({
    where: { tenantId, appId },
    select: { host: true, version: true },
    orderBy: { host: "asc" },
  });
  return rows.map(({ host, version }) => ({ host, version: Number(version) }));
};

/** Those of these references that are to credentials which the app still has. */
export const loadRegistryLogins = async (
  transaction: StoreTransaction,
  { tenantId, appId }: Owner,
  refs: readonly MaterialRef[],
): Promise<SealedRegistryLogin[]> => {
  const wanted = refs.flatMap((ref) => {
    const host = registryOf(ref);
    return host === null ? [] : [{ ref, host }];
  });
  if (wanted.length === 0) return [];
  const rows = await transaction.registryCredential.findMany({
    where: { tenantId, appId, host: { in: wanted.map(({ host }) => host) } },
    select: { id: true, host: true, version: true, sealed: true },
  });
  return wanted.flatMap(({ ref, host }) => {
    const row = rows.find((one) => one.host === host && Number(one.version) === ref.version);
    return row === undefined ? [] : [{ tenantId, appId, id: row.id, ref, host, sealed: row.sealed }];
  });
};
