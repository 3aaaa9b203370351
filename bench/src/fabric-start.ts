import { setTimeout as sleep } from "node:timers/promises";
import type { OperationResource } from "@portolan/contract";
import { openClient } from "@portolan/test/fabric/client";
import { fabricSpec, openNetwork, part } from "@portolan/test/fabric/network";
import { type Customer, signUp } from "@portolan/test/support/customer";
import { enrol, fabricBody, openThroughPlane, rows } from "@portolan/test/support/fabric";
import { type Plane, startPlane } from "@portolan/test/support/plane";
import { until } from "@portolan/test/support/until";
import { requireProgramSet } from "@portolan/testing";
import type { BenchResult } from "./bench.ts";
import { middle } from "./statistics.ts";

interface Size {
  name: string;
  /** One of the kind stands by before each round, as `PORTOLAN_STANDBY` makes it. */
  standsBy: boolean;
  plan: string;
  settings: { orderers: number; organisations: { name: string }[] };
}

const dev = { plan: "dev", settings: { orderers: 1, organisations: [{ name: "org1" }] } };
const standard = {
  plan: "standard",
  settings: { orderers: 3, organisations: [{ name: "org1" }, { name: "org2" }] },
};
const sizes: readonly Size[] = [
  { name: "1 orderer, 1 organisation, a network standing by", standsBy: true, ...dev },
  { name: "1 orderer, 1 organisation", standsBy: false, ...dev },
  { name: "3 orderers, 2 organisations", standsBy: false, ...standard },
];

const basic = { channel: "main", source: { kind: "catalogue", name: "asset-transfer" } } as const;
const giveUpMs = 120_000;

/**
 * The same programs, files and calls, driven by a loop in memory that knows nothing else: no API, database, queue,
 * lease or gateway between. It makes its keys, certificates and genesis, too.
 */
const byHand = async ({ plan, settings }: Size): Promise<number> => {
  const startedAt = performance.now();
  const parts = [part("channel", "main", {}), part("chaincode", "basic", basic)];
  const network = await openNetwork(fabricSpec(settings, parts, { plan }));
  try {
    await network.converge({ timeoutMs: giveUpMs });
    const client = await openClient(network, "org1");
    await client.contract("main", "basic").submitTransaction("create", "first", "bench", "1");
    const tookMs = performance.now() - startedAt;
    client.close();
    return tookMs;
  } finally {
    await network.close();
  }
};

interface Creation {
  totalMs: number;
  /** The four requests, one after the other. */
  postMs: number;
  /** From the first request to the end of the chaincode's operation, and of the last of it a transaction. */
  readyMs: number;
  /** Between the steps' own times, milliseconds by title. */
  steps: string[];
}

const toSteps = ({ steps }: OperationResource): string[] =>
  steps.flatMap(({ title, startedAt, endedAt }) =>
    startedAt === undefined || endedAt === undefined ? [] : [`${title} ${Date.parse(endedAt) - Date.parse(startedAt)}`],
  );

/** What stands by has the plan's own settings, and is taken for a wish that says no others. */
const toSettings = ({ standsBy, settings }: Size): object => (standsBy ? {} : settings);

const untilOneStandsBy = (plane: Plane): Promise<unknown> =>
  until(
    "a network stands by",
    async () => {
      const found = await rows(
        plane,
        "select 1 from chains where is_standby and wish = 'running' and phase = 'running'",
      );
      return found.length > 0;
    },
    { timeoutMs: giveUpMs },
  );

const throughPortolan = async (plane: Plane, customer: Customer, size: Size): Promise<Creation> => {
  const { sdk } = customer;
  const startedAt = performance.now();
  const since = (): number => performance.now() - startedAt;
  const wish = { plan: size.plan, settings: toSettings(size) };
  const network = await sdk.chains.create({ body: fabricBody(customer, wish) });
  const chain = network.target.id;
  const params = { chain };
  const channel = await sdk.channels.create({ params, body: { name: "main" } });
  const chaincode = await sdk.chaincodes.create({ params, body: { name: "basic", settings: basic } });
  const postMs = since();
  const [user, made, ended] = await Promise.all([
    enrol(customer, chain, { name: "bench", organisation: "org1" }),
    sdk.waitForOperation(channel.id, { timeoutMs: giveUpMs }),
    sdk.waitForOperation(chaincode.id, { timeoutMs: giveUpMs }),
  ]);
  if (ended.state !== "succeeded") throw new Error(`the chaincode is ${ended.state}`);
  const readyMs = since();
  const client = openThroughPlane(plane, chain, customer.secret, user);
  try {
    await client.contract("main", "basic").submitTransaction("create", "first", "bench", "1");
    return { totalMs: since(), postMs, readyMs, steps: [...toSteps(made), ...toSteps(ended)] };
  } finally {
    client.close();
    const { id } = await sdk.chains.delete({ params });
    await sdk.waitForOperation(id, { timeoutMs: giveUpMs });
  }
};

const inWords = (values: readonly number[]): string => values.map(Math.round).join(" ");

/** Rounds of one size on a plane of its own, each next to one by hand. */
const measure = async (size: Size, rounds: number): Promise<{ ours: Creation[]; hand: number[] }> => {
  const standby = size.standsBy ? [{ framework: "fabric", plan: size.plan, region: "local", count: 1 }] : [];
  const env = { PORTOLAN_LOG_LEVEL: "warn", PORTOLAN_STANDBY: JSON.stringify(standby) };
  const plane = await startPlane({ env });
  try {
    const customer = await signUp(plane);
    const ours: Creation[] = [];
    const hand: number[] = [];
    // The first of each is not counted: files come from the disk then.
    for (let round = -1; round < rounds; round++) {
      if (size.standsBy) await untilOneStandsBy(plane);
      await sleep(1_000);
      const handMs = await byHand(size);
      await sleep(1_000);
      const creation = await throughPortolan(plane, customer, size);
      if (round < 0) continue;
      hand.push(handMs);
      ours.push(creation);
    }
    return { ours, hand };
  } finally {
    await plane.stop();
  }
};

/** POST of a network, its channel and its chaincode → first committed transaction through the gateway. */
export const benchFabricStart = async ({ rounds = 5 }: { rounds?: number } = {}): Promise<BenchResult> => {
  const none = { name: "fabric start", claims: [], figures: {}, method: "not run" };
  if (requireProgramSet("fabric") === undefined) return none;
  const claims: BenchResult["claims"][number][] = [];
  const figures: { [name: string]: number | string } = {};
  for (const size of sizes) {
    const { ours, hand } = await measure(size, rounds);
    const totals = ours.map(({ totalMs }) => totalMs);
    const what = `POST → first committed transaction against the nodes by hand, ${size.name}`;
    claims.push({ what, value: middle(totals) / middle(hand), bound: 1.5, unit: "×" });
    figures[`${size.name}: through Portolan, all ms`] = inWords(totals);
    figures[`${size.name}: by hand, all ms`] = inWords(hand);
    figures[`${size.name}: of it the requests, median ms`] = middle(ours.map(({ postMs }) => postMs));
    figures[`${size.name}: until the operations have ended, median ms`] = middle(ours.map(({ readyMs }) => readyMs));
    figures[`${size.name}: steps of the last, ms`] = ours.at(-1)?.steps.join("; ") ?? "";
  }
  return {
    name: "fabric start",
    claims,
    figures,
    method: `${rounds} interleaved rounds of each size, medians; the same programs, files and calls; by hand: made and driven by a loop in memory, a client straight at the peer; through Portolan: network, channel, chaincode and identity are asked for one right after the other, the client goes through the gateway`,
  };
};
