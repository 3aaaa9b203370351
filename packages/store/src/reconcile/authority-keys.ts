import type { IdSource, SignatureAlgorithm } from "@portolan/domain";
import type { StoreClient } from "../clients/create-clients.ts";

interface AuthorityKeyRow {
  ref: string;
  algorithm: SignatureAlgorithm;
  publicKey: string;
  sealedPrivateKey: Uint8Array;
}

/** One chain's authority keys, as custody's signer asks for them (role system; named use: custody). */
export const createAuthorityKeys = (deps: {
  client: StoreClient;
  ids: IdSource;
  tenantId: string;
  chainId: string;
}) => {
  const get = async (ref: string): Promise<AuthorityKeyRow | undefined> => {
    const row = await deps.client.authorityKey.findUnique({
      where: { chainId_ref: { chainId: deps.chainId, ref }, tenantId: deps.tenantId },
      omit: { sealed: false },
    });
    if (row === null) return undefined;
    return {
      ref,
      algorithm: row.algorithm as SignatureAlgorithm,
      publicKey: row.publicKey,
      sealedPrivateKey: row.sealed,
    };
  };
  return {
    get,
    insertIfAbsent: async (record: AuthorityKeyRow): Promise<AuthorityKeyRow> => {
      await deps.client.authorityKey.createMany({
        data: {
          id: deps.ids.nextWith("aky"),
          tenantId: deps.tenantId,
          chainId: deps.chainId,
          ref: record.ref,
          algorithm: record.algorithm,
          publicKey: record.publicKey,
          sealed: new Uint8Array(record.sealedPrivateKey),
        },
        skipDuplicates: true,
      });
      return (await get(record.ref)) ?? record;
    },
  };
};
