/** Where randomness comes from. Production passes a cryptographic source, tests a seeded one. */
export interface Random {
  /** `size` random bytes. */
  bytes(size: number): Uint8Array;
}
