import { randomBytes, scrypt, timingSafeEqual } from "node:crypto";
import { normalizePassword } from "@portolan/domain";
import { createLimiter } from "./limiter.ts";

/** scrypt's parameters (RFC 7914); memory is 128 × 2^logN × r bytes. */
export interface PasswordCost {
  logN: number;
  r: number;
  p: number;
}

/** 128 MiB and about a third of a second each. */
export const defaultPasswordCost: PasswordCost = { logN: 17, r: 8, p: 1 };

export interface PasswordHasher {
  /** `$scrypt$ln=17,r=8,p=1$salt$hash`, both parts base64url. */
  hash(password: string): Promise<string>;
  /** `stored` null: takes as long as a comparison and answers false, so that time does not tell who has an account. */
  verify(password: string, stored: string | null): Promise<boolean>;
}

const hashBytes = 32;
const form = /^\$scrypt\$ln=(\d{1,2}),r=(\d{1,2}),p=(\d{1,2})\$([\w-]{8,128})\$([\w-]{32,128})$/;

const derive = (password: string, salt: Uint8Array, cost: PasswordCost): Promise<Buffer> =>
  new Promise((resolve, reject) => {
    const N = 2 ** cost.logN;
    const options = { N, r: cost.r, p: cost.p, maxmem: 128 * N * cost.r * cost.p + 32 * 2 ** 20 };
    scrypt(normalizePassword(password), salt, hashBytes, options, (error, key) =>
      error ? reject(error) : resolve(key),
    );
  });

const parse = (stored: string): { cost: PasswordCost; salt: Buffer; hash: Buffer } | null => {
  const [, logN, r, p, salt, hash] = form.exec(stored) ?? [];
  if (salt === undefined || hash === undefined) return null;
  const cost = { logN: Number(logN), r: Number(r), p: Number(p) };
  return { cost, salt: Buffer.from(salt, "base64url"), hash: Buffer.from(hash, "base64url") };
};

/** Memory-hard hashing, few at a time: a hundred signups at once must not take a hundred times the memory. */
export const createPasswordHasher = ({
  cost = defaultPasswordCost,
  maxRunning = 2,
  maxWaiting = 500,
}: {
  cost?: PasswordCost;
  maxRunning?: number;
  maxWaiting?: number;
} = {}): PasswordHasher => {
  const limiter = createLimiter({ maxRunning, maxWaiting });
  const nobody = { cost, salt: randomBytes(16), hash: randomBytes(hashBytes) };

  return {
    hash: async (password) => {
      const salt = randomBytes(16);
      const key = await limiter.run(() => derive(password, salt, cost));
      const parameters = `ln=${cost.logN},r=${cost.r},p=${cost.p}`;
      return `$scrypt$${parameters}$${salt.toString("base64url")}$${key.toString("base64url")}`;
    },
    verify: async (password, stored) => {
      const parsed = stored === null ? null : parse(stored);
      const against = parsed ?? nobody;
      const key = await limiter.run(() => derive(password, against.salt, against.cost));
      const isEqual = key.length === against.hash.length && timingSafeEqual(key, against.hash);
      return parsed !== null && isEqual;
    },
  };
};
