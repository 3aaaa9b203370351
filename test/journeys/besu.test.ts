import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { OperationResource } from "@portolan/contract";
import { requireBesuStandIn } from "@portolan/testing";
import { generatePrivateKey, privateKeyToAccount } from "viem/accounts";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  besuBody,
  besuVersion,
  deployToken,
  nodesByAddress,
  nodeUrls,
  type Token,
  validatorsAt,
} from "../support/besu.ts";
import { type Customer, finish, signUp } from "../support/customer.ts";
import { rpc } from "../support/json-rpc.ts";
import { type Plane, startPlane } from "../support/plane.ts";
import { killNow } from "../support/processes.ts";
import { until } from "../support/until.ts";

const standIn = requireBesuStandIn();
const bob = "0x00000000000000000000000000000000000b0b0b";
const supply = 1_000n;
/** A minute, most of which passes between two looks at a chain that is well. */
const isRolled = process.env["PORTOLAN_ROLLOUTS"] === "all";
const formerVersion = "26.8.1";

/**
 * The blueprint's genesis, keys and flags on real QBFT nodes of another make: the stand-in is found under Besu's name, and
 * nothing of the plane knows of it.
 */
describe.skipIf(standIn === undefined)("a developer's QBFT network, another maker's nodes", () => {
  let programs: string;
  let plane: Plane;
  let customer: Customer;
  let chain = "";
  let url = "";
  let token: Token;
  const account = privateKeyToAccount(generatePrivateKey());

  const params = () => ({ chain });
  const height = async (at = url): Promise<number> => Number(await rpc(at, "eth_blockNumber"));
  const goesOn = async (at = url): Promise<void> => {
    const from = await height(at);
    await until("two more blocks", async () => (await height(at)) >= from + 2);
  };
  const pidsOf = (node: string): number[] =>
    plane.processes().flatMap((found) => (found.node === node ? [found.pid] : []));
  const running = (): string[] => [...new Set(plane.processes().flatMap(({ node }) => node ?? []))].sort();
  const nodeUrl = async (node: string): Promise<string> => (await nodeUrls(plane, chain)).get(node) ?? "";
  /** Names of those who seal blocks, as `node` says. */
  const validators = async (node: string): Promise<string[]> => {
    const names = await nodesByAddress(plane, chain);
    return (await validatorsAt(await nodeUrl(node))).map((address) => names.get(address) ?? address).sort();
  };
  const change = async (settings: { [member: string]: unknown }): Promise<OperationResource> => {
    const operation = await customer.sdk.chains.update({ params: params(), body: { settings } });
    return finish(customer.sdk, operation.id);
  };
  const areWell = () =>
    until("all nodes are well", async () =>
      (await customer.sdk.chains.nodes({ params: params() })).items.every(({ isHealthy }) => isHealthy),
    );

  beforeAll(async () => {
    if (standIn === undefined) return;
    programs = await mkdtemp(join(tmpdir(), "portolan-besu-"));
    for (const version of [formerVersion, besuVersion]) standIn.place(programs, version);
    plane = await startPlane({ env: { PORTOLAN_PROGRAMS: programs } });
    customer = await signUp(plane);
  });
  afterAll(async () => {
    await plane?.stop();
    if (programs !== undefined) await rm(programs, { recursive: true, force: true });
  });

  it("four validators and a node for callers come to be, with one first block everywhere", async () => {
    const started = await customer.sdk.chains.create({
      body: { ...besuBody(customer), version: isRolled ? formerVersion : besuVersion },
    });
    chain = started.target.id;
    url = `${plane.gateway}/${chain}/${customer.secret}`;
    await finish(customer.sdk, started.id);
    expect(running()).toEqual(["rpc-0", "validator-0", "validator-1", "validator-2", "validator-3"]);
    await until("the new chain answers", () => rpc(url, "eth_chainId"));
    await goesOn();
    const nodes = [...(await nodeUrls(plane, chain)).values()];
    const blocks = await Promise.all(nodes.map((at) => rpc(at, "eth_getBlockByNumber", ["0x0", false])));
    const [first] = blocks as { hash: string }[];
    expect(first?.hash).toMatch(/^0x[0-9a-f]{64}$/);
    expect((blocks as { hash: string }[]).map(({ hash }) => hash)).toEqual(nodes.map(() => first?.hash));
    expect(await validators("validator-0")).toEqual(["validator-0", "validator-1", "validator-2", "validator-3"]);
  });

  it("viem deploys a token and transfers through the gateway; votes and neighbours are nothing for callers", async () => {
    token = await deployToken(url, account, supply);
    await token.transfer(bob, 5n);
    expect([await token.balanceOf(bob), await token.balanceOf(account.address)]).toEqual([5n, supply - 5n]);
    for (const method of ["qbft_getValidatorsByBlockNumber", "qbft_proposeValidatorVote", "admin_peers"])
      await expect(rpc(url, method, ["latest"])).rejects.toThrow(/not|denied|refused/i);
    // Nor has the node that they call those names.
    await expect(rpc(await nodeUrl("rpc-0"), "qbft_getPendingVotes")).rejects.toThrow(/Method not enabled/);
  });

  it("goes on while a validator is gone, which comes back and catches up", async () => {
    const before = pidsOf("validator-3");
    const at = await height();
    killNow(before);
    await until("two more blocks", async () => (await height()) >= at + 2);
    await token.transfer(bob, 1n);
    await until("another process", async () => pidsOf("validator-3").some((pid) => !before.includes(pid)));
    const own = await nodeUrl("validator-3");
    await until("it has caught up", async () => (await height(own)) >= at + 2);
    await areWell();
  });

  it("a fifth validator follows the chain first, and is voted in then", async () => {
    await change({ validators: 5 });
    expect(await validators("validator-0")).toEqual([0, 1, 2, 3, 4].map((ordinal) => `validator-${ordinal}`));
    // It seals blocks of its own.
    const names = await nodesByAddress(plane, chain);
    await until("it proposes a block", async () => {
      const block = (await rpc(url, "eth_getBlockByNumber", ["latest", false])) as { miner: string };
      return names.get(block.miner) === "validator-4";
    });
    await token.transfer(bob, 1n);
  });

  it("one is voted out and then stopped; nobody votes any more", async () => {
    await change({ validators: 4, retiredValidators: [0] });
    const left = ["validator-1", "validator-2", "validator-3", "validator-4"];
    expect(await validators("validator-1")).toEqual(left);
    await until("its process is gone", async () => pidsOf("validator-0").length === 0);
    expect(running()).toEqual(["rpc-0", ...left]);
    for (const node of left)
      await until(`${node} votes for nobody`, async () => {
        const votes = (await rpc(await nodeUrl(node), "qbft_getPendingVotes")) as object;
        return Object.keys(votes).length === 0;
      });
    await goesOn();
    await token.transfer(bob, 1n);
  });

  it.runIf(isRolled)("a release: the node for callers first, then one validator at a time", async () => {
    const before = new Map(running().map((node) => [node, pidsOf(node)]));
    const order: string[] = [];
    let fewest = before.size;
    const look = (): void => {
      const now = running();
      fewest = Math.min(fewest, now.filter((node) => node !== "rpc-0").length);
      for (const node of now)
        if (!order.includes(node) && !pidsOf(node).some((pid) => before.get(node)?.includes(pid))) order.push(node);
    };
    const started = await customer.sdk.chains.update({ params: params(), body: { version: besuVersion } });
    const at = await height(await nodeUrl("validator-1"));
    const timer = setInterval(look, 100);
    try {
      await finish(customer.sdk, started.id);
    } finally {
      clearInterval(timer);
    }
    look();
    expect(order[0]).toBe("rpc-0");
    expect(order.toSorted()).toEqual([...before.keys()]);
    // Three of four seal blocks.
    expect(fewest).toBeGreaterThanOrEqual(3);
    expect(await height()).toBeGreaterThan(at + 3);
    expect((await customer.sdk.chains.get({ params: params() })).version).toBe(besuVersion);
    await token.transfer(bob, 1n);
  });

  it("paused, nothing runs; resumed, it goes on from where it was", async () => {
    const [at, held] = [await height(), await token.balanceOf(bob)];
    await finish(customer.sdk, (await customer.sdk.chains.pause({ params: params() })).id);
    expect(running()).toEqual([]);
    await expect(rpc(url, "eth_blockNumber")).rejects.toThrow(/paused/);
    await finish(customer.sdk, (await customer.sdk.chains.resume({ params: params() })).id);
    await until("new blocks on top of the old ones", async () => (await height()) > at);
    expect(await token.balanceOf(bob)).toBe(held);
    await token.transfer(bob, 1n);
    expect(await token.balanceOf(bob)).toBe(held + 1n);
  });

  it("a backup is taken of all nodes at rest, and its restore undoes what came after it", async () => {
    const held = await token.balanceOf(bob);
    const taken = await finish(customer.sdk, (await customer.sdk.backups.create({ params: params() })).id);
    const { items } = await customer.sdk.backups.list({ params: params() });
    const backup = items.find(({ operationId }) => operationId === taken.id);
    expect(backup?.nodes.toSorted()).toEqual(running());
    await until("it answers again", () => height());
    await token.transfer(bob, 1n);
    const body = { backup: backup?.id ?? "" };
    await finish(customer.sdk, (await customer.sdk.chains.restore({ params: params(), body })).id);
    await until("what was", async () => (await token.balanceOf(bob)) === held);
    await token.transfer(bob, 2n);
    expect(await token.balanceOf(bob)).toBe(held + 2n);
  });

  it("is deleted with everything that it had on the machine", async () => {
    await finish(customer.sdk, (await customer.sdk.chains.delete({ params: params() })).id);
    expect(running()).toEqual([]);
    const places = join(plane.home, "nodes", "placements");
    await until("its directories are gone", async () => (await readdir(places)).length === 0);
    expect(plane.processes().filter(({ name }) => name === "other")).toEqual([]);
  });
});
