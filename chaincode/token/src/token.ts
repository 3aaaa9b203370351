import { type Context, Contract } from "fabric-contract-api";
import { checkAccount, checkName, toAmount } from "./amount.ts";
import { addTo, type Key, readAmount, readText, takeFrom, write } from "./ledger.ts";

const keys = {
  /** Set once: name, symbol, decimals and who may mint. */
  name: ["name"],
  symbol: ["symbol"],
  decimals: ["decimals"],
  minter: ["minter"],
  supply: ["supply"],
} satisfies { [name: string]: Key };

const balance = (account: string): Key => ["balance", account];
const allowance = (owner: string, spender: string): Key => ["allowance", owner, spender];

const emit = (ctx: Context, name: string, event: { [member: string]: string }): void =>
  ctx.stub.setEvent(name, Buffer.from(JSON.stringify(event), "utf8"));

const move = async (ctx: Context, from: string, to: string, amount: bigint): Promise<void> => {
  // A transaction doesn't see its own writes: both balances of the same account would be written from the same reading.
  if (from === to) throw new Error("an account can't transfer to itself");
  await takeFrom(ctx, balance(from), amount, "the balance is too small");
  await addTo(ctx, balance(to), amount);
  emit(ctx, "Transfer", { from, to, amount: String(amount) });
};

const checkMinter = async (ctx: Context): Promise<string> => {
  const minter = await readText(ctx, keys.minter);
  if (minter === undefined) throw new Error("the token has not been initialized");
  if (minter !== ctx.clientIdentity.getID()) throw new Error("only the token's minter may do this");
  return minter;
};

/**
 * A fungible token after the model of ERC-20. Accounts are clients' ids (`clientAccount`); amounts are whole numbers of
 * the smallest unit as decimal strings. Whoever initializes it may mint and burn; nobody else makes or destroys units.
 */
export class Token extends Contract {
  constructor() {
    super("Token");
  }

  /** Once. `decimals` is for display only. */
  async initialize(ctx: Context, name: string, symbol: string, decimals: string): Promise<void> {
    if ((await readText(ctx, keys.minter)) !== undefined) throw new Error("the token has been initialized before");
    if (!/^([0-9]|1[0-8])$/.test(decimals)) throw new Error("decimals are a number from 0 to 18");
    await write(ctx, keys.name, checkName(name));
    await write(ctx, keys.symbol, checkName(symbol));
    await write(ctx, keys.decimals, decimals);
    await write(ctx, keys.supply, "0");
    await write(ctx, keys.minter, ctx.clientIdentity.getID());
  }

  async info(ctx: Context): Promise<{ name: string; symbol: string; decimals: number; totalSupply: string }> {
    const [name, symbol, decimals] = await Promise.all(
      [keys.name, keys.symbol, keys.decimals].map((key) => readText(ctx, key)),
    );
    if (name === undefined || symbol === undefined) throw new Error("the token has not been initialized");
    return { name, symbol, decimals: Number(decimals), totalSupply: String(await readAmount(ctx, keys.supply)) };
  }

  async totalSupply(ctx: Context): Promise<string> {
    return String(await readAmount(ctx, keys.supply));
  }

  /** The caller's account. */
  async clientAccount(ctx: Context): Promise<string> {
    return ctx.clientIdentity.getID();
  }

  async balanceOf(ctx: Context, account: string): Promise<string> {
    return String(await readAmount(ctx, balance(checkAccount(account))));
  }

  /** New units for the minter's own account. */
  async mint(ctx: Context, amount: string): Promise<void> {
    const minter = await checkMinter(ctx);
    const units = toAmount(amount);
    await addTo(ctx, balance(minter), units);
    await addTo(ctx, keys.supply, units);
    emit(ctx, "Transfer", { from: "", to: minter, amount: String(units) });
  }

  /** Units out of the minter's own account. */
  async burn(ctx: Context, amount: string): Promise<void> {
    const minter = await checkMinter(ctx);
    const units = toAmount(amount);
    await takeFrom(ctx, balance(minter), units, "the balance is too small");
    await takeFrom(ctx, keys.supply, units, "the supply is too small");
    emit(ctx, "Transfer", { from: minter, to: "", amount: String(units) });
  }

  async transfer(ctx: Context, to: string, amount: string): Promise<void> {
    await move(ctx, ctx.clientIdentity.getID(), checkAccount(to), toAmount(amount));
  }

  /** Lets `spender` take up to `amount` from the caller's account; replaces what was allowed before, 0 takes it back. */
  async approve(ctx: Context, spender: string, amount: string): Promise<void> {
    const owner = ctx.clientIdentity.getID();
    const units = amount === "0" ? 0n : toAmount(amount);
    await write(ctx, allowance(owner, checkAccount(spender)), String(units));
    emit(ctx, "Approval", { owner, spender, amount: String(units) });
  }

  async allowance(ctx: Context, owner: string, spender: string): Promise<string> {
    return String(await readAmount(ctx, allowance(checkAccount(owner), checkAccount(spender))));
  }

  async transferFrom(ctx: Context, from: string, to: string, amount: string): Promise<void> {
    const units = toAmount(amount);
    const spender = ctx.clientIdentity.getID();
    await takeFrom(ctx, allowance(checkAccount(from), spender), units, "the allowance is too small");
    await move(ctx, from, checkAccount(to), units);
  }
}
