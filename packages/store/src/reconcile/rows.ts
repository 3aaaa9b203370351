import type { Prisma } from "../generated/client.ts";

/**
 * JSON columns hold values that this package's own writers checked; reading one back is the one place where a shape
 * is trusted instead of parsed.
 */
export const fromJson = <T>(value: Prisma.JsonValue | null): T => value as T;

export const fromJsonOr = <T>(value: Prisma.JsonValue | null, fallback: T): T =>
  value === null ? fallback : (value as T);

/** Values go through JSON once, so that `undefined` members and class instances never reach the driver. */
export const toJson = (value: unknown): Prisma.InputJsonValue =>
  JSON.parse(JSON.stringify(value)) as Prisma.InputJsonValue;
