import type { Context } from "fabric-contract-api";
import { add } from "./amount.ts";

/** Kind of an entry, then what it is of. Composite keys can't run into each other, whatever an account is called. */
export type Key = readonly [kind: string, ...of: string[]];

export const keyOf = (ctx: Context, [kind, ...of]: Key): string => ctx.stub.createCompositeKey(`token.${kind}`, of);

export const write = (ctx: Context, key: Key, value: string): Promise<void> =>
  ctx.stub.putState(keyOf(ctx, key), Buffer.from(value, "utf8"));

/** Undefined where nothing is written. */
export const readText = async (ctx: Context, key: Key): Promise<string | undefined> => {
  const state = await ctx.stub.getState(keyOf(ctx, key));
  return state.length === 0 ? undefined : Buffer.from(state).toString("utf8");
};

/** 0 where nothing is written. */
export const readAmount = async (ctx: Context, key: Key): Promise<bigint> => BigInt((await readText(ctx, key)) ?? "0");

export const addTo = async (ctx: Context, key: Key, amount: bigint): Promise<void> =>
  write(ctx, key, String(add(await readAmount(ctx, key), amount)));

/** Throws `message` when there is less than `amount`. */
export const takeFrom = async (ctx: Context, key: Key, amount: bigint, message: string): Promise<void> => {
  const present = await readAmount(ctx, key);
  if (present < amount) throw new Error(message);
  await write(ctx, key, String(present - amount));
};
