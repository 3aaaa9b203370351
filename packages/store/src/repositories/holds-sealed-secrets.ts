import type { StoreClient } from "../clients/create-clients.ts";

/** Whether anything of any tenant is sealed with the key-encryption key. For the system role. */
export const holdsSealedSecrets = async (
  client: Pick<StoreClient, "authorityKey" | "material" | "registryCredential">,
): Promise<boolean> => {
  const key = await client.authorityKey.findFirst({ select: { id: true } });
  if (key !== null) return true;
  const credential = await client.registryCredential.findFirst({ select: { id: true } });
  if (credential !== null) return true;
  return (await client.material.findFirst({ where: { sealed: { not: null } }, select: { id: true } })) !== null;
};
