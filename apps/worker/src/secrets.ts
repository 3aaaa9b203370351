import {
  authorityContext,
  type Custody,
  createSigner,
  materialContext,
  registryContext,
  sealTo,
  type WorkerKeys,
} from "@portolan/custody";
import type { ChainSpec, IdSource, MaterialRef, NewMaterialItem, Signer } from "@portolan/domain";
import { type CentreSecrets, createAuthorityKeys, type SealedRow, type StoreClient } from "@portolan/store";

type Owner = Pick<ChainSpec, "tenantId" | "chainId">;

/** Joins custody and the store for coordinator, centre port and audit sealer. */
export const createWorkerSecrets = (deps: { custody: Custody; client: StoreClient; ids: IdSource }) => {
  const signerFor = (owner: Owner): Signer =>
    createSigner({
      custody: deps.custody,
      scope: owner,
      keys: createAuthorityKeys({ client: deps.client, ids: deps.ids, ...owner }),
    });

  const centreSecrets: CentreSecrets = {
    reseal: async ({ tenantId, sealedFor, chainId, ref, sealed, workerPublicKey }) => {
      const context = materialContext({ tenantId, chainId }, ref.material, ref.version);
      const plain = await deps.custody.open(sealed, { ...context, tenantId: sealedFor });
      try {
        return sealTo(workerPublicKey, plain, context);
      } finally {
        plain.fill(0);
      }
    },
    resealLogin: async ({ login, chainId, workerPublicKey }) => {
      const plain = await deps.custody.open(login.sealed, registryContext(login, login.host, login.id));
      const { tenantId, ref } = login;
      try {
        return sealTo(workerPublicKey, plain, materialContext({ tenantId, chainId }, ref.material, ref.version));
      } finally {
        plain.fill(0);
      }
    },
    sign: ({ tenantId, chainId, ref, data }) => signerFor({ tenantId, chainId }).sign(ref, data),
  };

  return {
    centreSecrets,
    signerFor,
    /** A key that custody signs with, sealed to a public key; `null`: there is none. Only for keys that may be lent. */
    lend: async (
      { tenantId, chainId, ref }: Owner & { ref: string },
      publicKey: string,
      context: Parameters<typeof sealTo>[2],
    ): Promise<Uint8Array | null> => {
      const record = await createAuthorityKeys({ client: deps.client, ids: deps.ids, tenantId, chainId }).get(ref);
      if (record === undefined) return null;
      const { algorithm, sealedPrivateKey, sealedFor = tenantId } = record;
      const scope = authorityContext({ tenantId: sealedFor, chainId }, ref, algorithm);
      const plain = await deps.custody.open(sealedPrivateKey, scope);
      try {
        return sealTo(publicKey, plain, context);
      } finally {
        plain.fill(0);
      }
    },
    /** The same secret, sealed for the chain's tenant of today instead of the one it came from. */
    reseal: async (owner: Owner, sealedFor: string, row: SealedRow): Promise<SealedRow> => {
      const context =
        row.kind === "material"
          ? materialContext(owner, row.name, row.version)
          : authorityContext(owner, row.ref, row.algorithm);
      const plain = await deps.custody.open(row.sealed, { ...context, tenantId: sealedFor });
      try {
        return { ...row, sealed: await deps.custody.seal(plain, context) };
      } finally {
        plain.fill(0);
      }
    },
    seal: async (owner: Owner, item: NewMaterialItem): Promise<Uint8Array | null> => {
      if (item.secret === undefined) return null;
      try {
        return await deps.custody.seal(item.secret, materialContext(owner, item.name, item.version));
      } finally {
        item.secret.fill(0);
      }
    },
  };
};

/** What is sealed to this worker opens with its key only. */
export const toPlacementKeys = (keys: WorkerKeys) => ({
  publicKey: keys.publicKey,
  open: (sealed: Uint8Array, context: Owner & { ref: MaterialRef }): Uint8Array =>
    keys.open(sealed, materialContext(context, context.ref.material, context.ref.version)),
});
