import { cp, mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { ChainExportResource } from "@portolan/contract";
import { requireProgramSet } from "@portolan/testing";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Customer, finish, signUp } from "../support/customer.ts";
import { enrol, type FabricUser, fabricBody, openThroughPlane, rows } from "../support/fabric.ts";
import { type Plane, startPlane } from "../support/plane.ts";
import { until } from "../support/until.ts";

const programs = requireProgramSet("fabric");
const passphrase = "what only the two of us know";
const organisations = [
  { name: "org1", peers: 2 },
  { name: "org2", peers: 1 },
];

interface Answer {
  status: number;
  body: Record<string, unknown>;
}

interface ChannelDetail {
  nodes: { node: string; role: string; height: number }[];
  organisations: string[];
}

describe.skipIf(programs === undefined)("a Fabric network that moves to another plane, on real nodes", () => {
  let root = "";
  let first: Plane;
  let second: Plane;
  let customer: Customer;
  let heir: Customer;
  let chain = "";
  let backup = "";
  let document: ChainExportResource;
  let height = 0;
  /** With a key that never was on any plane. */
  let ann: FabricUser;
  const params = () => ({ chain });
  const storeOf = (plane: "first" | "second") => join(root, plane);
  const environment = (plane: "first" | "second") => ({ env: { PORTOLAN_BACKUPS: storeOf(plane) } });

  const call = async (plane: Plane, who: Customer, path: string, body: object): Promise<Answer> => {
    const answer = await fetch(`${plane.gateway}/${chain}${path}`, {
      method: "POST",
      headers: { "x-api-key": who.secret, "content-type": "application/json" },
      body: JSON.stringify(body),
    });
    return { status: answer.status, body: (await answer.json()) as Record<string, unknown> };
  };
  const basic = "/channels/main/chaincodes/basic";
  const create = (plane: Plane, who: Customer, id: string, identity = "held") =>
    until(`the asset ${id} is committed`, async () => {
      const sent = await call(plane, who, `${basic}/submit`, { function: "create", args: [id, "blue", "1"], identity });
      if (sent.status === 200) return sent;
      throw new Error(JSON.stringify(sent));
    });
  const read = (plane: Plane, who: Customer, id: string) =>
    call(plane, who, `${basic}/evaluate`, { function: "read", args: [id], identity: "held" });
  const untilRead = (plane: Plane, who: Customer, id: string) =>
    until(`the asset ${id} is read`, async () => ((await read(plane, who, id)).status === 200 ? true : undefined));
  const channel = async (who: Customer): Promise<ChannelDetail> =>
    (await who.sdk.channels.get({ params: { chain, channel: "main" } })).detail as unknown as ChannelDetail;
  const highest = async (who: Customer): Promise<number> =>
    Math.max(...(await channel(who)).nodes.map((node) => node.height));
  const sqlOf = (plane: Plane, sql: string) => rows(plane, sql);
  const addressesOf = async (plane: Plane) =>
    (await sqlOf(plane, `select id, addresses from placements where chain_id = '${chain}'`))[0];

  beforeAll(async () => {
    root = await mkdtemp(join(tmpdir(), "portolan-moves-"));
    await Promise.all((["first", "second"] as const).map((plane) => mkdir(storeOf(plane), { mode: 0o700 })));
    first = await startPlane(environment("first"));
    customer = await signUp(first);
    const { sdk } = customer;
    const settings = { orderers: 3, organisations };
    const made = await sdk.chains.create({ body: fabricBody(customer, { plan: "standard", settings }) });
    chain = made.target.id;
    const main = await sdk.channels.create({ params: params(), body: { name: "main" } });
    const chaincode = await sdk.chaincodes.create({
      params: params(),
      body: { name: "basic", settings: { channel: "main", source: { kind: "catalogue", name: "asset-transfer" } } },
    });
    const held = await sdk.identities.create({
      params: params(),
      body: { name: "held", settings: { organisation: "org1" } },
    });
    for (const { id } of [made, main, chaincode, held]) await finish(sdk, id, 400_000);
    ann = await enrol(customer, chain, { name: "ann", organisation: "org2" });
  });
  afterAll(async () => {
    await first?.stop();
    await second?.stop();
    await rm(root, { recursive: true, force: true });
  });

  it("is backed up after transactions, and exported; what comes later is not in it", async () => {
    const { sdk } = customer;
    for (const id of ["one", "two", "three"]) await create(first, customer, id);
    // Its keys live as long as the chain: renewed certificates fit the backup that was taken before.
    height = await until("the peers tell the height", async () => {
      const now = await highest(customer);
      return now >= 4 ? now : undefined;
    });
    const operation = await finish(sdk, (await sdk.backups.create({ params: params() })).id, 400_000);
    const { items } = await sdk.backups.list({ params: params() });
    backup = items.find(({ operationId }) => operationId === operation.id)?.id ?? "";
    await create(first, customer, "later");
    document = await sdk.chains.export({ params: params(), body: { backup, passphrase } });
    expect(document).toMatchObject({ chainId: chain, framework: "fabric", plan: "standard", backup: { id: backup } });
    expect(JSON.stringify(document)).not.toContain("PRIVATE KEY");
  });

  it("comes to life on another plane after its own is lost: same nodes, same addresses, the ledger of the backup", async () => {
    const before = await addressesOf(first);
    first.kill("everything");
    await first.stop();
    second = await startPlane(environment("second"));
    heir = await signUp(second);
    const directory = backup.replace("_", "-");
    await cp(join(storeOf("first"), directory), join(storeOf("second"), directory), { recursive: true });
    const { id } = await heir.sdk.chains.import({ body: { export: document, passphrase, app: heir.appId } });
    const operation = await finish(heir.sdk, id, 400_000);
    expect(operation).toMatchObject({ kind: "chain.import", target: { id: chain } });
    expect(await addressesOf(second)).toEqual(before);
    for (const asset of ["one", "two", "three"]) await untilRead(second, heir, asset);
    const gone = await read(second, heir, "later");
    expect(gone.status, JSON.stringify(gone)).not.toBe(200);
    expect((await channel(heir)).organisations.sort()).toEqual(["Org1MSP", "Org2MSP"]);
    const roles = (await heir.sdk.chains.nodes({ params: params() })).items.map(({ role }) => role).sort();
    expect(roles).toEqual(["chaincode", "orderer", "orderer", "orderer", "peer", "peer", "peer"]);
  });

  it("commits under the identity whose key came along, and under one whose key its owner kept; the height goes on", async () => {
    await create(second, heir, "four");
    await untilRead(second, heir, "four");
    const client = openThroughPlane(second, chain, heir.secret, ann);
    try {
      const { contract } = client;
      await until("ann's asset is committed", async () => {
        await contract("main", "basic").submitTransaction("create", "five", "red", "2");
        return true;
      });
    } finally {
      client.close();
    }
    await untilRead(second, heir, "five");
    await until("the height has gone on", async () => ((await highest(heir)) >= height + 2 ? true : undefined));
  });

  it("grows and renews there: a channel of its own, and every certificate from the authorities that came along", async () => {
    const { sdk } = heir;
    const later = await sdk.channels.create({ params: params(), body: { name: "later" } });
    await finish(sdk, later.id, 400_000);
    const newest = `select name, max(version) as version from materials where chain_id = '${chain}' and renew_at is not null group by name`;
    const before = new Map((await sqlOf(second, newest)).map((row) => [String(row["name"]), Number(row["version"])]));
    await sqlOf(second, `update materials set renew_at = now() where renew_at is not null and chain_id = '${chain}'`);
    await sqlOf(second, `update chains set next_at = now() where id = '${chain}'`);
    const renewal = await until("a renewal", async () => {
      const { items } = await sdk.operations.list({ query: { chainId: chain } });
      return items.find(({ kind }) => kind === "chain.renew");
    });
    await finish(sdk, renewal.id, 600_000);
    const after = new Map((await sqlOf(second, newest)).map((row) => [String(row["name"]), Number(row["version"])]));
    expect(before.size).toBeGreaterThan(10);
    for (const [name, version] of before) expect(after.get(name), name).toBe(version + 1);
    await create(second, heir, "six");
    await untilRead(second, heir, "six");
  });
});
