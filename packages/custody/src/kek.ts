/** One key-encryption key. The id is public and stands in every blob; the key is 32 bytes. */
export interface Kek {
  id: string;
  key: Uint8Array;
}

/** Where key-encryption keys come from: a file, the environment, later a KMS. */
export interface KekProvider {
  /** Seals new secrets. */
  current(): Promise<Kek>;
  /** Opens older ones. Throws `custody.unavailable` when it is not known. */
  byId(id: string): Promise<Kek>;
}

/** A KEK's id: 1 to 64 of these characters. */
export const kekIdForm = /^[A-Za-z0-9._-]{1,64}$/;
