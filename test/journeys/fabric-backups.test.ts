import { readdirSync, readFileSync } from "node:fs";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { requireProgramSet } from "@portolan/testing";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Customer, finish, signUp } from "../support/customer.ts";
import { fabricBody } from "../support/fabric.ts";
import { type Plane, startPlane } from "../support/plane.ts";
import { until } from "../support/until.ts";

const programs = requireProgramSet("fabric");

interface Answer {
  status: number;
  body: Record<string, unknown>;
}

describe.skipIf(programs === undefined)("backups of a Fabric network, on real nodes", () => {
  let plane: Plane;
  let customer: Customer;
  let chain = "";
  let backup = "";

  const call = async (path: string, body: object): Promise<Answer> => {
    const answer = await fetch(`${plane.gateway}/${chain}${path}`, {
      method: "POST",
      headers: { "x-api-key": customer.secret, "content-type": "application/json" },
      body: JSON.stringify(body),
    });
    return { status: answer.status, body: (await answer.json()) as Record<string, unknown> };
  };
  const basic = "/channels/main/chaincodes/basic";
  const create = (id: string) => {
    let tries = 0;
    return until(
      `the asset ${id} is committed`,
      async () => {
        tries += 1;
        const body = { function: "create", args: [id, "blue", "1"], identity: "held" };
        const sent = await call(`${basic}/submit`, body);
        if (sent.status === 200) return sent;
        // An earlier try came through, and its answer was lost.
        if (tries > 1 && JSON.stringify(sent.body).includes("already")) return sent;
        throw new Error(JSON.stringify(sent));
      },
      { timeoutMs: 180_000, everyMs: 500 },
    );
  };
  const read = (id: string) => call(`${basic}/evaluate`, { function: "read", args: [id], identity: "held" });
  const untilRead = (id: string) =>
    until(`the asset ${id} is read`, async () => ((await read(id)).status === 200 ? true : undefined), {
      timeoutMs: 180_000,
      everyMs: 250,
    });
  const params = () => ({ chain });
  const restore = async () => {
    const started = await customer.sdk.chains.restore({ params: params(), body: { backup } });
    return finish(customer.sdk, started.id);
  };

  beforeAll(async () => {
    plane = await startPlane();
    customer = await signUp(plane);
    const { sdk } = customer;
    const made = await sdk.chains.create({ body: fabricBody(customer, { plan: "standard" }) });
    chain = made.target.id;
    const channel = await sdk.channels.create({ params: params(), body: { name: "main" } });
    const chaincode = await sdk.chaincodes.create({
      params: params(),
      body: { name: "basic", settings: { channel: "main", source: { kind: "catalogue", name: "asset-transfer" } } },
    });
    const held = await sdk.identities.create({
      params: params(),
      body: { name: "held", settings: { organisation: "org1" } },
    });
    for (const { id } of [made, channel, chaincode, held]) await finish(sdk, id);
  });
  afterAll(async () => {
    await plane?.stop();
  });

  it("takes one of orderers, peers and chaincode at rest, without a key in it; the network goes on", async () => {
    await create("before");
    const { sdk } = customer;
    const operation = await finish(sdk, (await sdk.backups.create({ params: params() })).id);
    const { items } = await sdk.backups.list({ params: params() });
    const found = items.find(({ operationId }) => operationId === operation.id);
    expect(found).toMatchObject({ state: "ready", framework: "fabric", version: "3.1.5" });
    expect(found?.nodes.some((node) => node.startsWith("orderer"))).toBe(true);
    expect(found?.nodes.some((node) => node.startsWith("peer"))).toBe(true);
    backup = found?.id ?? "";
    const store = join(plane.home, "backups");
    for (const entry of readdirSync(store, { recursive: true, withFileTypes: true })) {
      if (!entry.isFile()) continue;
      const path = join(entry.parentPath, entry.name);
      expect(readFileSync(path).includes("PRIVATE KEY"), path).toBe(false);
    }
    await untilRead("before");
    await create("after");
  });

  it("brings the ledger of the backup back, and the network commits on it; what was wished since is made again", async () => {
    const { sdk } = customer;
    const later = await sdk.channels.create({ params: params(), body: { name: "later" } });
    await finish(sdk, later.id);
    await restore();
    await untilRead("before");
    const gone = await read("after");
    expect(gone.status, JSON.stringify(gone)).not.toBe(200);
    await create("again");
    await untilRead("again");
    // The channel that the backup knows nothing of is in the peers' ledgers again.
    const url = `${plane.gateway}/${chain}/channels/later/blocks?identity=held`;
    await until("the later channel is there", async () => {
      const answer = await fetch(url, { headers: { "x-api-key": customer.secret } });
      return answer.status === 200 ? true : undefined;
    });
    expect(await sdk.chains.get({ params: params() })).toMatchObject({ phase: "running" });
  });

  it("restores a deleted network whose disks are lost", async () => {
    const { sdk } = customer;
    await finish(sdk, (await sdk.chains.delete({ params: params() })).id);
    const placements = join(plane.home, "nodes", "placements");
    for (const placement of readdirSync(placements)) await rm(join(placements, placement), { recursive: true });
    await restore();
    await untilRead("before");
    expect((await read("again")).status).not.toBe(200);
    await create("once-more");
  });
});
