/** `points` requests per `seconds`. */
export interface Limit {
  points: number;
  seconds: number;
}

export interface Limits {
  /** Of each credential, over everything. */
  perCredential: Limit;
  /** Of each address, before a credential is looked at. */
  perAddress: Limit;
  signUpPerAddress: Limit;
  signUpPerEmail: Limit;
  signInPerAddress: Limit;
  /** Failed attempts count; a success clears them. */
  signInPerEmail: Limit;
  /** Documents that are sealed or opened with a pass phrase, whichever credential of the tenant asks. */
  passphrasePerTenant: Limit;
}

export const defaultLimits: Limits = {
  perCredential: { points: 1_000, seconds: 10 },
  perAddress: { points: 3_000, seconds: 10 },
  signUpPerAddress: { points: 20, seconds: 3_600 },
  signUpPerEmail: { points: 5, seconds: 3_600 },
  signInPerAddress: { points: 60, seconds: 60 },
  signInPerEmail: { points: 10, seconds: 300 },
  passphrasePerTenant: { points: 30, seconds: 60 },
};

const none: Limit = { points: 1_000_000_000, seconds: 1 };

/** For benchmarks and for tests that are not about limits. */
export const noLimits: Limits = {
  perCredential: none,
  perAddress: none,
  signUpPerAddress: none,
  signUpPerEmail: none,
  signInPerAddress: none,
  signInPerEmail: none,
  passphrasePerTenant: none,
};
