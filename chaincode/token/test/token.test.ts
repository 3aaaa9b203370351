import { expect, test } from "vitest";
import { Token } from "../src/token.ts";
import { createFakeLedger } from "./fake-ledger.ts";

const account = (name: string): string => `x509::/OU=client/CN=${name}::/CN=ca`;
const [bank, alice, bob] = [account("bank"), account("alice"), account("bob")] as const;

const open = () => {
  const token = new Token();
  const { run, events } = createFakeLedger();
  const as = (client: string) => ({
    initialize: () => run(client, (ctx) => token.initialize(ctx, "Gold", "GLD", "2")),
    mint: (amount: string) => run(client, (ctx) => token.mint(ctx, amount)),
    burn: (amount: string) => run(client, (ctx) => token.burn(ctx, amount)),
    transfer: (to: string, amount: string) => run(client, (ctx) => token.transfer(ctx, to, amount)),
    approve: (spender: string, amount: string) => run(client, (ctx) => token.approve(ctx, spender, amount)),
    transferFrom: (from: string, to: string, amount: string) =>
      run(client, (ctx) => token.transferFrom(ctx, from, to, amount)),
  });
  const balances = async () => {
    const of = (name: string) => run(bank, (ctx) => token.balanceOf(ctx, name));
    return [await of(bank), await of(alice), await of(bob), await run(bank, (ctx) => token.totalSupply(ctx))];
  };
  const allowance = (owner: string, spender: string) => run(bank, (ctx) => token.allowance(ctx, owner, spender));
  const info = () => run(bank, (ctx) => token.info(ctx));
  return { bank: as(bank), alice: as(alice), bob: as(bob), balances, allowance, info, events };
};

const openWith = async (amount: string) => {
  const ledger = open();
  await ledger.bank.initialize();
  await ledger.bank.mint(amount);
  return ledger;
};

test("is initialized once, by whoever may mint from then on", async () => {
  const ledger = open();
  await expect(ledger.bank.mint("1")).rejects.toThrow("not been initialized");
  await expect(ledger.info()).rejects.toThrow("not been initialized");
  await ledger.bank.initialize();
  await expect(ledger.alice.initialize()).rejects.toThrow("before");
  expect(await ledger.info()).toEqual({ name: "Gold", symbol: "GLD", decimals: 2, totalSupply: "0" });
});

test("only the minter makes and destroys units, and the supply follows", async () => {
  const ledger = await openWith("100");
  await expect(ledger.alice.mint("1")).rejects.toThrow("minter");
  await expect(ledger.alice.burn("1")).rejects.toThrow("minter");
  await ledger.bank.burn("30");
  await expect(ledger.bank.burn("71")).rejects.toThrow("too small");
  expect(await ledger.balances()).toEqual(["70", "0", "0", "70"]);
});

test("a transfer moves what is there, to somebody else, and says so", async () => {
  const ledger = await openWith("100");
  await ledger.bank.transfer(alice, "40");
  await ledger.alice.transfer(bob, "40");
  await expect(ledger.alice.transfer(bob, "1")).rejects.toThrow("balance is too small");
  await expect(ledger.bob.transfer(bob, "1")).rejects.toThrow("itself");
  expect(await ledger.balances()).toEqual(["60", "0", "40", "100"]);
  expect(ledger.events.at(-1)).toEqual({ name: "Transfer", payload: { from: alice, to: bob, amount: "40" } });
});

test("a spender takes up to what was allowed, until it is taken back", async () => {
  const ledger = await openWith("100");
  await ledger.bank.approve(alice, "50");
  expect(await ledger.allowance(bank, alice)).toBe("50");
  await ledger.alice.transferFrom(bank, bob, "20");
  expect([await ledger.allowance(bank, alice), await ledger.balances()]).toEqual(["30", ["80", "0", "20", "100"]]);
  await expect(ledger.alice.transferFrom(bank, bob, "31")).rejects.toThrow("allowance is too small");
  await expect(ledger.bob.transferFrom(bank, bob, "1")).rejects.toThrow("allowance is too small");
  await ledger.bank.approve(alice, "0");
  await expect(ledger.alice.transferFrom(bank, bob, "1")).rejects.toThrow("allowance is too small");
});

test("an allowance is no balance", async () => {
  const ledger = await openWith("10");
  await ledger.bank.approve(alice, "50");
  await expect(ledger.alice.transferFrom(bank, bob, "11")).rejects.toThrow("balance is too small");
  expect([await ledger.allowance(bank, alice), await ledger.balances()]).toEqual(["50", ["10", "0", "0", "10"]]);
});

test("amounts are whole, positive and exact beyond what a double holds", async () => {
  const largest = String(2n ** 256n - 1n);
  const ledger = await openWith(largest);
  await ledger.bank.transfer(alice, "1");
  expect(await ledger.balances()).toEqual([String(2n ** 256n - 2n), "1", "0", largest]);
  await expect(ledger.bank.mint("1")).rejects.toThrow("2^256");
  for (const amount of ["", "0", "-1", "1.5", "01", "1e3", "0x1", String(2n ** 256n)])
    await expect(ledger.bank.transfer(alice, amount)).rejects.toThrow("an amount is");
  await expect(ledger.bank.transfer("alice", "1")).rejects.toThrow("an account is");
});
