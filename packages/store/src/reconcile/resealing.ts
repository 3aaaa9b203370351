import type { SignatureAlgorithm } from "@portolan/domain";
import type { StoreClient, StoreTransaction } from "../clients/create-clients.ts";
import type { SealedRow } from "./chain-work.ts";

/** Every sealed secret of a chain (role system; named use: reconcile). */
export const loadSealed = async (client: StoreClient, chainId: string): Promise<SealedRow[]> => {
  const materials = await client.material.findMany({
    where: { chainId, sealed: { not: null } },
    select: { id: true, name: true, version: true, sealed: true },
  });
  const keys = await client.authorityKey.findMany({
    where: { chainId },
    select: { id: true, ref: true, algorithm: true, sealed: true },
  });
  return [
    ...materials.flatMap(({ sealed, ...row }) =>
      sealed === null ? [] : [{ kind: "material" as const, ...row, sealed }],
    ),
    ...keys.map(({ algorithm, ...row }) => ({
      kind: "authority" as const,
      ...row,
      algorithm: algorithm as SignatureAlgorithm,
    })),
  ];
};

/** Writes all of them anew and says, in the same transaction, that they name the chain's own tenant from now on. */
export const writeResealed = async (
  transaction: StoreTransaction,
  chainId: string,
  rows: readonly SealedRow[],
): Promise<void> => {
  for (const { kind, id, sealed } of rows) {
    const data = { sealed: new Uint8Array(sealed) };
    if (kind === "material") await transaction.material.update({ where: { id, chainId }, data });
    else await transaction.authorityKey.update({ where: { id, chainId }, data });
  }
  await transaction.chain.update({ where: { id: chainId }, data: { sealedFor: null } });
};
