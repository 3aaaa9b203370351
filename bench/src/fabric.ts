import { setTimeout as sleep } from "node:timers/promises";
import { signUp } from "@portolan/test/support/customer";
import {
  enrol,
  fabricBody,
  type OpenFabric,
  openDirect,
  openThroughPlane,
  peerAddress,
} from "@portolan/test/support/fabric";
import { startPlane } from "@portolan/test/support/plane";
import { requireProgramSet } from "@portolan/testing";
import type { BenchResult } from "./bench.ts";

const concurrency = 48;
const roundMs = 6_000;
const rounds = 3;

/** Transactions that were committed in a round, a second; each writes a key of its own, so that none conflicts. */
const load = async (clients: readonly OpenFabric[], tag: string): Promise<number> => {
  let committed = 0;
  let next = 0;
  let isOver = false;
  const startedAt = performance.now();
  const submit = async (client: OpenFabric): Promise<void> => {
    const contract = client.contract("main", "basic");
    while (!isOver) {
      await contract.submitTransaction("create", `${tag}-${next++}`, "bench", "1");
      committed += 1;
    }
  };
  const running = Array.from({ length: concurrency }, (_, index) => {
    const client = clients[index % clients.length];
    return client === undefined ? undefined : submit(client);
  });
  await sleep(roundMs);
  const perSecond = (committed * 1_000) / (performance.now() - startedAt);
  isOver = true;
  await Promise.all(running);
  return perSecond;
};

const median = (values: readonly number[]): number => {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? 0;
};

/**
 * One real network (one orderer, one peer, the catalogue's asset transfer), the ecosystem's client: straight to the peer
 * and through the gateway's TLS listener, in turn.
 */
export const benchFabric = async (): Promise<BenchResult> => {
  if (requireProgramSet("fabric") === undefined) return { name: "fabric", claims: [], figures: {}, method: "not run" };
  const plane = await startPlane({ env: { PORTOLAN_LOG_LEVEL: "warn" } });
  const open: OpenFabric[] = [];
  try {
    const customer = await signUp(plane);
    const { sdk } = customer;
    const startedAt = performance.now();
    const made = await sdk.chains.create({ body: fabricBody(customer) });
    const chain = made.target.id;
    const source = { kind: "catalogue" as const, name: "asset-transfer" };
    const parts = [
      await sdk.channels.create({ params: { chain }, body: { name: "main" } }),
      await sdk.chaincodes.create({
        params: { chain },
        body: { name: "basic", settings: { channel: "main", source } },
      }),
    ];
    const user = await enrol(customer, chain, { name: "bench", organisation: "org1" });
    for (const { id } of [made, ...parts]) await sdk.waitForOperation(id, { timeoutMs: 120_000 });
    const peer = await peerAddress(plane, chain, "peer-org1-0");
    const through = Array.from({ length: 4 }, () => openThroughPlane(plane, chain, customer.secret, user));
    open.push(...through);
    const direct = await Promise.all(Array.from({ length: 4 }, () => openDirect(peer, user)));
    open.push(...direct);
    await through[0]?.contract("main", "basic").submitTransaction("create", "first", "bench", "1");
    const firstMs = performance.now() - startedAt;
    await load(direct, "warm-d");
    await load(through, "warm-g");
    const found: { direct: number; through: number }[] = [];
    for (let round = 0; round < rounds; round++)
      found.push({ direct: await load(direct, `d${round}`), through: await load(through, `g${round}`) });
    const ratios = found.map((each) => each.direct / each.through);
    return {
      name: "fabric",
      // At least 0.8 of the direct client's, turned over because claims are upper bounds.
      claims: [
        {
          what: "direct client's transactions a second against the gateway's",
          value: median(ratios),
          bound: 1.25,
          unit: "×",
        },
      ],
      figures: {
        "direct, transactions a second": median(found.map((each) => each.direct)),
        "through the gateway, transactions a second": median(found.map((each) => each.through)),
        "POST to first committed transaction, ms": firstMs,
        rounds: ratios.map((ratio) => ratio.toFixed(2)).join(", "),
      },
      method: `${rounds} interleaved rounds of ${roundMs / 1_000} s, ${concurrency} transactions at once on 4 connections, medians; client, plane and nodes on one machine`,
    };
  } finally {
    for (const { close } of open) close();
    await plane.stop();
  }
};
