import type { IdSource, SignatureAlgorithm } from "@portolan/domain";
import type { StoreClient } from "../clients/create-clients.ts";

interface AuthorityKeyRow {
  ref: string;
  algorithm: SignatureAlgorithm;
  publicKey: string;
  sealedPrivateKey: Uint8Array;
  /** The tenant that it is sealed for, where the chain was adopted and not sealed anew yet. */
  sealedFor?: string;
}

/** One chain's authority keys, as custody's signer asks for them (role system; named use: custody). */
export const createAuthorityKeys = (deps: {
  client: StoreClient;
  ids: IdSource;
  tenantId: string;
  chainId: string;
}) => {
  const get = async (ref: string): Promise<AuthorityKeyRow | undefined> => {
    // In one statement: sealing anew changes both at once.
    const [row] = await deps.client.$queryRaw<
      { algorithm: string; publicKey: string; sealed: Uint8Array; sealedFor: string | null }[]
    >`
      select k.algorithm, k.public_key as "publicKey", k.sealed, c.sealed_for as "sealedFor"
      from authority_keys k left join chains c on c.id = k.chain_id
      where k.chain_id = ${deps.chainId} and k.ref = ${ref} and k.tenant_id = ${deps.tenantId}`;
    if (row === undefined) return undefined;
    return {
      ref,
      algorithm: row.algorithm as SignatureAlgorithm,
      publicKey: row.publicKey,
      sealedPrivateKey: row.sealed,
      ...(row.sealedFor === null ? {} : { sealedFor: row.sealedFor }),
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
