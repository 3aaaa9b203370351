import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { placeOctezStandIn } from "@portolan/testing/octez-stand-in";
import type { TezosToolkit } from "@taquito/taquito";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Customer, finish, signUp } from "../support/customer.ts";
import { octezBody, octezVersion, tezosAccount, toolkitAt } from "../support/octez.ts";
import { type Plane, startPlane } from "../support/plane.ts";
import { killNow } from "../support/processes.ts";
import { until } from "../support/until.ts";

const receiver = "tz1KqTpEZ7Yob7QbPE4Hy4Wo8fHG8LhKxZSx";

/**
 * Programs that are called as Octez' are, and run no protocol: what is proved is everything around them. The activation is
 * forged, signed in custody and injected; files, keys, addresses and access lists are the plane's own.
 */
describe("a Tezos chain of a developer, on scripted programs in Octez' place", () => {
  let programs: string;
  let plane: Plane;
  let customer: Customer;
  let chain = "";
  let url = "";
  let tezos: TezosToolkit;

  const params = () => ({ chain });
  const level = async (): Promise<number> => (await tezos.rpc.getBlockHeader()).level;
  const goesOn = async (): Promise<void> => {
    const from = await level();
    await until("two more blocks", async () => (await level()) >= from + 2);
  };
  const balance = async (): Promise<number> => (await tezos.tz.getBalance(receiver)).toNumber();
  const running = (): string[] =>
    plane
      .processes()
      .flatMap(({ node, name }) => (node ? [`${node}/${name}`] : []))
      .sort();

  beforeAll(async () => {
    programs = await mkdtemp(join(tmpdir(), "portolan-octez-"));
    placeOctezStandIn(programs, octezVersion);
    plane = await startPlane({ env: { PORTOLAN_PROGRAMS: programs } });
    customer = await signUp(plane);
  });
  afterAll(async () => {
    await plane?.stop();
    if (programs !== undefined) await rm(programs, { recursive: true, force: true });
  });

  it("comes to be: its protocol is activated, and its bakers make blocks", async () => {
    const account = await tezosAccount();
    const accounts = [{ address: account.address, balanceTez: "100" }];
    const started = await customer.sdk.chains.create({ body: octezBody(customer, { accounts }) });
    chain = started.target.id;
    const operation = await finish(customer.sdk, started.id);
    expect(operation.steps.map(({ title }) => title)).toContain("Activate protocol PsUshuai");
    const bakers = [0, 1, 2].flatMap((ordinal) => [`baker-${ordinal}/baker`, `baker-${ordinal}/node`]);
    expect(running()).toEqual([...bakers, "rpc-0/node"]);
    url = `${plane.gateway}/${chain}/${customer.secret}`;
    tezos = toolkitAt(url, account.signer);
    await until("the new chain answers", () => tezos.rpc.getChainId());
    await goesOn();
  });

  it("Taquito sends a tez through the gateway; what is the plane's is nothing for callers", async () => {
    const operation = await tezos.contract.transfer({ to: receiver, amount: 1 });
    await operation.confirmation();
    expect(await balance()).toBe(1_000_000);
    for (const [method, path] of [
      ["POST", "/injection/block"],
      ["GET", "/network/connections"],
      ["DELETE", "/chains/main/invalid_blocks/x"],
    ] as const) {
      const { status, body } = await fetch(`${url}${path}`, { method, ...(method === "POST" ? { body: "{}" } : {}) });
      await body?.cancel();
      expect([path, status]).toEqual([path, 403]);
    }
  });

  it("goes on from its disk after all of its programs were killed", async () => {
    const at = await level();
    killNow(plane.processes().flatMap(({ node, pid }) => (node ? [pid] : [])));
    await until("new blocks on top of the old ones", async () => (await level()) > at + 1);
    expect(await balance()).toBe(1_000_000);
  });

  it("paused, nothing runs; resumed, it is not activated again", async () => {
    const before = await tezos.rpc.getBlockHash({ block: "1" });
    await finish(customer.sdk, (await customer.sdk.chains.pause({ params: params() })).id);
    expect(running()).toEqual([]);
    const resumed = await customer.sdk.chains.resume({ params: params() });
    await finish(customer.sdk, resumed.id);
    await until("the chain answers again", () => tezos.rpc.getChainId());
    await goesOn();
    expect(await tezos.rpc.getBlockHash({ block: "1" })).toBe(before);
    await (await tezos.contract.transfer({ to: receiver, amount: 1 })).confirmation();
    expect(await balance()).toBe(2_000_000);
  });

  it("gets another node for callers, which follows the others; none of them is restarted for it", async () => {
    const pids = () => plane.processes().flatMap(({ node, pid }) => (node && node !== "rpc-1" ? [pid] : []));
    const before = pids();
    const change = await customer.sdk.chains.update({ params: params(), body: { settings: { rpcNodes: 2 } } });
    await finish(customer.sdk, change.id);
    expect(running()).toContain("rpc-1/node");
    expect(pids().sort()).toEqual(before.sort());
    const { items } = await customer.sdk.chains.nodes({ params: params() });
    expect(items.find(({ name }) => name === "rpc-1")).toMatchObject({ isHealthy: true });
  });

  it("keeps what it began with, and says so", async () => {
    const change = customer.sdk.chains.update({ params: params(), body: { settings: { bakerStakeTez: "5000000" } } });
    await expect(change).rejects.toThrow(/What a chain began with can't be changed: bakerStakeTez/);
  });

  it("is deleted with everything that it had on the machine", async () => {
    await finish(customer.sdk, (await customer.sdk.chains.delete({ params: params() })).id);
    expect(running()).toEqual([]);
  });
});
