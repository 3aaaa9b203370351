import { createPrivateKey, createPublicKey, generateKeyPair, type KeyObject, sign } from "node:crypto";
import { promisify } from "node:util";
import type { PublicKeyInfo, SignatureAlgorithm, Signer } from "@portolan/domain";
import type { SealContext } from "./aad.ts";
import type { Custody, SealedBlob } from "./custody.ts";
import { tampered, unavailable } from "./error.ts";

/** As a store keeps it: all but the sealed half is public. */
export interface AuthorityKeyRecord {
  ref: string;
  algorithm: SignatureAlgorithm;
  /** SubjectPublicKeyInfo, PEM. */
  publicKey: string;
  /** PKCS#8 DER, sealed. */
  sealedPrivateKey: SealedBlob;
  /** The tenant that it is sealed for, where that is not the scope's: its chain came from there. */
  sealedFor?: string;
}

/** What the signer asks of a store; scoped to one chain by whoever builds it. */
export interface AuthorityKeyStore {
  get(ref: string): Promise<AuthorityKeyRecord | undefined>;
  /** Inserts unless `ref` is there, and answers what then stands. */
  insertIfAbsent(record: AuthorityKeyRecord): Promise<AuthorityKeyRecord>;
}

export interface SignerDeps {
  custody: Pick<Custody, "seal" | "open">;
  keys: AuthorityKeyStore;
  /** Whose keys these are. */
  scope: Pick<SealContext, "tenantId" | "chainId">;
}

const refForm = /^[A-Za-z0-9][A-Za-z0-9._/-]{0,127}$/;
const makePair = promisify(generateKeyPair);

const generate = async (algorithm: SignatureAlgorithm): Promise<{ privateKey: KeyObject; publicKey: KeyObject }> => {
  switch (algorithm) {
    case "ed25519":
      return makePair("ed25519");
    case "p256":
      return makePair("ec", { namedCurve: "prime256v1" });
    case "secp256k1":
      return makePair("ec", { namedCurve: "secp256k1" });
  }
};

const toPem = (key: KeyObject): string => String(key.export({ format: "pem", type: "spki" }));

const toInfo = ({ ref, algorithm, publicKey }: AuthorityKeyRecord): PublicKeyInfo => ({ ref, algorithm, publicKey });

/** What an authority's key is sealed to. The algorithm is bound too: a record that claims another one does not open. */
export const authorityContext = (
  scope: Pick<SealContext, "tenantId" | "chainId">,
  ref: string,
  algorithm: SignatureAlgorithm,
): SealContext => ({
  tenantId: scope.tenantId,
  chainId: scope.chainId,
  purpose: `authority/${algorithm}/${ref}`,
  version: 1,
});

const keyTypes: { readonly [type: string]: SignatureAlgorithm } = {
  ed25519: "ed25519",
  "ec/prime256v1": "p256",
  "ec/secp256k1": "secp256k1",
};

/** Whether a key that came from elsewhere is what `createKey` would have made: of its algorithm, with both halves one. */
export const isAuthorityKey = (
  { ref, algorithm, publicKey }: Pick<AuthorityKeyRecord, "ref" | "algorithm" | "publicKey">,
  privateKeyDer: Uint8Array,
): boolean => {
  try {
    const key = createPrivateKey({ key: Buffer.from(privateKeyDer), format: "der", type: "pkcs8" });
    const curve = key.asymmetricKeyDetails?.namedCurve;
    const type = `${key.asymmetricKeyType}${curve === undefined ? "" : `/${curve}`}`;
    return refForm.test(ref) && keyTypes[type] === algorithm && toPem(createPublicKey(key)) === publicKey;
  } catch {
    return false;
  }
};

/** Signs for one chain's authorities. Private keys are opened for one signature and never handed out. */
export const createSigner = ({ custody, keys, scope }: SignerDeps): Signer => {
  const checkRef = (ref: string) => {
    if (!refForm.test(ref)) throw unavailable("the reference of an authority's key is not usable");
  };

  const openKey = async (record: AuthorityKeyRecord): Promise<KeyObject> => {
    const { ref, algorithm, publicKey, sealedPrivateKey, sealedFor: tenantId = scope.tenantId } = record;
    const der = await custody.open(sealedPrivateKey, authorityContext({ ...scope, tenantId }, ref, algorithm));
    try {
      const key = createPrivateKey({ key: der, format: "der", type: "pkcs8" });
      // Certificates were made for the stored public key; a record whose halves differ must not sign.
      if (toPem(createPublicKey(key)) !== publicKey) throw tampered();
      return key;
    } finally {
      der.fill(0);
    }
  };

  return {
    createKey: async (ref, algorithm) => {
      checkRef(ref);
      let record = await keys.get(ref);
      if (!record) {
        const { privateKey, publicKey } = await generate(algorithm);
        const der = privateKey.export({ format: "der", type: "pkcs8" });
        const sealedPrivateKey = await custody
          .seal(der, authorityContext(scope, ref, algorithm))
          .finally(() => der.fill(0));
        record = await keys.insertIfAbsent({ ref, algorithm, publicKey: toPem(publicKey), sealedPrivateKey });
      }
      if (record.algorithm !== algorithm) throw unavailable("this authority's key exists with another algorithm");
      return toInfo(record);
    },
    sign: async (ref, data) => {
      checkRef(ref);
      const record = await keys.get(ref);
      if (!record) throw unavailable("this authority has no key yet");
      const key = await openKey(record);
      return record.algorithm === "ed25519" ? sign(null, data, key) : sign("sha256", data, key);
    },
  };
};
