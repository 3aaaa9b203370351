export type { SealContext } from "./aad.ts";
export { type Custody, type CustodyDeps, createCustody, type SealedBlob } from "./custody.ts";
export { type KeyFileOptions, openKeyFile } from "./file-keks.ts";
export type { Kek, KekProvider } from "./kek.ts";
export { materialContext } from "./material-context.ts";
export { registryContext } from "./registry-context.ts";
export { createWorkerKeys, openWith, sealTo, type WorkerKeys, type WorkerSealedBlob } from "./seal-to.ts";
export {
  defaultPassphraseCost,
  openWithPassphrase,
  type PassphraseBox,
  type PassphraseCost,
  sealWithPassphrase,
} from "./seal-with-passphrase.ts";
export {
  type AuthorityKeyRecord,
  type AuthorityKeyStore,
  authorityContext,
  createSigner,
  isAuthorityKey,
  type SignerDeps,
} from "./signer.ts";
export { createEnvironmentKeks, createStaticKeks } from "./static-keks.ts";
