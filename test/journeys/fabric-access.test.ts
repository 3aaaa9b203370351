import { createHash, sign } from "node:crypto";
import { requireProgramSet } from "@portolan/testing";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Customer, finish, signUp } from "../support/customer.ts";
import { runSnippet, takeHome } from "../support/documents.ts";
import { enrol, type FabricUser, fabricBody, openThroughPlane } from "../support/fabric.ts";
import { type Plane, startPlane } from "../support/plane.ts";
import { until } from "../support/until.ts";

const programs = requireProgramSet("fabric");

interface Answer {
  status: number;
  body: Record<string, unknown>;
}

describe.skipIf(programs === undefined)("Fabric over REST and gRPC, on real nodes", () => {
  let plane: Plane;
  let customer: Customer;
  let chain = "";
  let own: FabricUser;

  const call = async (
    path: string,
    init: { body?: object; headers?: Record<string, string> } = {},
  ): Promise<Answer> => {
    const answer = await fetch(`${plane.gateway}/${chain}${path}`, {
      method: init.body === undefined ? "GET" : "POST",
      headers: { "x-api-key": customer.secret, "content-type": "application/json", ...init.headers },
      ...(init.body === undefined ? {} : { body: JSON.stringify(init.body) }),
    });
    return { status: answer.status, body: (await answer.json()) as Record<string, unknown> };
  };
  const asset = (id: string, value = "1") => ({ function: "create", args: [id, "blue", value], identity: "held" });
  const basic = "/channels/main/chaincodes/basic";

  beforeAll(async () => {
    plane = await startPlane({ env: { PORTOLAN_LOG_LEVEL: "info" } });
    customer = await signUp(plane);
    const { sdk } = customer;
    const made = await sdk.chains.create({ body: fabricBody(customer) });
    chain = made.target.id;
    const channel = await sdk.channels.create({ params: { chain }, body: { name: "main" } });
    const chaincode = await sdk.chaincodes.create({
      params: { chain },
      body: { name: "basic", settings: { channel: "main", source: { kind: "catalogue", name: "asset-transfer" } } },
    });
    const held = await sdk.identities.create({
      params: { chain },
      body: { name: "held", settings: { organisation: "org1" } },
    });
    own = await enrol(customer, chain, { name: "mine", organisation: "org1" });
    for (const { id } of [made, channel, chaincode, held]) await finish(sdk, id);
  });
  afterAll(async () => {
    await plane?.stop();
  });

  it("submits and evaluates in the name of an identity whose key the plane holds", async () => {
    const sent = await call(`${basic}/submit`, { body: asset("a1") });
    expect(sent).toMatchObject({
      status: 200,
      body: { status: "VALID", transactionId: expect.stringMatching(/^[0-9a-f]{64}$/) },
    });
    const read = await call(`${basic}/evaluate`, { body: { function: "read", args: ["a1"], identity: "held" } });
    expect(read.status).toBe(200);
    expect(JSON.parse(String(read.body["result"]))).toMatchObject({ id: "a1" });
    const { transactionId, blockNumber } = sent.body as { transactionId: string; blockNumber: number };
    expect(await call(`/channels/main/transactions/${transactionId}?identity=held`)).toEqual({
      status: 200,
      body: { transactionId, status: "VALID" },
    });
    const content = await call(`/channels/main/transactions/${transactionId}/content?identity=held`);
    expect(content.body).toMatchObject({ chaincode: "basic", function: "create", status: "VALID", channel: "main" });
    const height = await call("/channels/main/blocks?identity=held");
    expect(Number(height.body["height"])).toBeGreaterThan(blockNumber);
    const block = await call(`/channels/main/blocks/${blockNumber}?identity=held`);
    expect(block.body).toMatchObject({ number: blockNumber, transactions: [{ transactionId, status: "VALID" }] });
    expect(await call("/channels/main/blocks/100000?identity=held")).toMatchObject({ status: 404 });
  });

  it("makes one transaction of an Idempotency-Key, however often it is sent", async () => {
    const once = { body: asset("a2"), headers: { "idempotency-key": "order-17" } };
    const first = await call(`${basic}/submit`, once);
    expect(first.status).toBe(200);
    const again = await call(`${basic}/submit`, once);
    expect([again.status, again.body["transactionId"]]).toEqual([200, first.body["transactionId"]]);
    for (let turn = 0; turn < 8; turn++) {
      const both = await Promise.all(
        [1, 2].map(() =>
          call(`${basic}/submit`, { body: asset(`b${turn}`), headers: { "idempotency-key": `order-${turn}` } }),
        ),
      );
      expect(both.map(({ status, body }) => [status, body["code"], body["detail"]])).toEqual([
        [200, undefined, undefined],
        [200, undefined, undefined],
      ]);
      expect(new Set(both.map(({ body }) => body["transactionId"])).size).toBe(1);
    }
  });

  it("says by code what was wrong, with the peers' words", async () => {
    const codeOf = async (path: string, body?: object) => {
      const answer = await call(path, body === undefined ? {} : { body });
      return [answer.status, answer.body["code"], String(answer.body["detail"])] as const;
    };
    const refused = await codeOf(`${basic}/submit`, asset("a1"));
    expect(refused.slice(0, 2)).toEqual([422, "transaction.endorsement_refused"]);
    expect(refused[2]).toMatch(/a1/);
    const unknown = await codeOf("/channels/main/chaincodes/nothing/evaluate", asset("x"));
    expect([...unknown]).toEqual([404, "chaincode.unknown", expect.stringContaining("nothing")]);
    expect((await codeOf("/channels/main/chaincodes/_lifecycle/evaluate", asset("x")))[1]).toBe("chaincode.unknown");
    const nobody = await codeOf(`${basic}/evaluate`, { ...asset("x"), identity: "nobody" });
    expect(nobody.slice(0, 2)).toEqual([404, "identity.unknown"]);
    const mine = await codeOf(`${basic}/evaluate`, { ...asset("x"), identity: "mine" });
    expect(mine.slice(0, 2)).toEqual([409, "identity.not_held"]);
    expect((await codeOf(`${basic}/evaluate`, { args: [] }))[1]).toBe("request.invalid");
    expect((await codeOf(`/channels/main/transactions/${"0".repeat(64)}?identity=held`))[1]).toBe(
      "transaction.not_found",
    );
  });

  it("tells a conflict of reads from success", async () => {
    await call(`${basic}/submit`, { body: asset("hot") });
    const update = (value: number) =>
      call(`${basic}/submit`, { body: { function: "update", args: ["hot", "red", String(value)], identity: "held" } });
    const answers = await Promise.all(Array.from({ length: 12 }, (_, index) => update(index)));
    const codes = answers.map(({ status, body }) => (status === 200 ? "ok" : String(body["code"])));
    expect(codes).toContain("ok");
    expect(codes).toContain("transaction.mvcc_conflict");
    expect(codes.filter((code) => code !== "ok" && code !== "transaction.mvcc_conflict")).toEqual([]);
  });

  it("lets a customer sign with a key of its own: prepare, endorse, send", async () => {
    const signed = (digestOf: string): string => {
      // What is signed are the bytes; their digest is given for signers that take one.
      return sign("sha256", Buffer.from(digestOf, "base64"), own.privateKey).toString("base64");
    };
    const prepared = await call(`${basic}/prepare`, {
      body: { function: "create", args: ["own1", "blue", "5"], mspId: own.mspId, certificate: own.certificate },
    });
    expect(prepared.status).toBe(200);
    const { proposal, digest, transactionId } = prepared.body as Record<string, string>;
    expect(
      createHash("sha256")
        .update(Buffer.from(String(proposal), "base64"))
        .digest("base64"),
    ).toBe(digest);
    const endorsed = await call(`${basic}/endorse`, { body: { proposal, signature: signed(String(proposal)) } });
    expect(endorsed).toMatchObject({ status: 200, body: { transactionId } });
    const { transaction, statusRequest } = endorsed.body as Record<string, string>;
    const sent = await call(`${basic}/send`, {
      body: { transaction, signature: signed(String(transaction)), statusSignature: signed(String(statusRequest)) },
    });
    expect(sent).toMatchObject({ status: 200, body: { transactionId, status: "VALID" } });
    const forged = await call(`${basic}/endorse`, { body: { proposal, signature: signed(String(transaction)) } });
    expect([forged.status, forged.body["code"]]).toEqual([403, "identity.refused"]);
  });

  it("streams events, and goes on after the last one that was read", async () => {
    const read = async (query: string, count: number, headers: Record<string, string> = {}) => {
      const abort = new AbortController();
      const answer = await fetch(`${plane.gateway}/${chain}${basic}/events?identity=held${query}`, {
        headers: { "x-api-key": customer.secret, ...headers },
        signal: abort.signal,
      });
      expect([answer.status, answer.headers.get("content-type")]).toEqual([200, "text/event-stream"]);
      const events: { id: string; data: Record<string, unknown> }[] = [];
      let text = "";
      for await (const chunk of answer.body ?? []) {
        text += Buffer.from(chunk).toString();
        events.length = 0;
        for (const [, id, data] of text.matchAll(/id: (.*)\nevent: .*\ndata: (.*)\n\n/g))
          events.push({ id: String(id), data: JSON.parse(String(data)) as Record<string, unknown> });
        if (events.length >= count) break;
      }
      abort.abort();
      return events;
    };
    const first = await read("&from=0", 2);
    expect(first[0]?.data).toMatchObject({ chaincode: "basic" });
    const [resumed] = await read("", 1, { "last-event-id": String(first[0]?.id) });
    expect(resumed).toEqual(first[1]);
  });

  it("hands out a snippet for Node that works as it is, with the certificates that it needs", async () => {
    const files = await takeHome(customer, chain, ["connect-org1.mjs", "tls-ca.pem", "identity-mine.pem"]);
    try {
      expect(files.read("identity-mine.pem")).toBe(own.certificate);
      const said = files.read("connect-org1.mjs").split("\n")[0];
      for (const name of ["@hyperledger/fabric-gateway", "@grpc/grpc-js"]) {
        const { version } = JSON.parse(files.read(`node_modules/${name}/package.json`)) as { version: string };
        expect(said).toContain(`${name} ${version}`);
      }
      files.write("key.pem", own.privateKey.export({ type: "pkcs8", format: "pem" }).toString());
      const run = (args: readonly string[], env: Record<string, string> = {}) =>
        runSnippet(files.directory, "connect-org1.mjs", args, {
          PORTOLAN_KEY: customer.secret,
          FABRIC_CERTIFICATE: "identity-mine.pem",
          ...env,
        });
      const created = await run(["submit", "create", "snippet", "blue", "5"]);
      expect(created).toMatchObject({ code: 0, stderr: "" });
      const read = await run(["evaluate", "read", "snippet"]);
      expect([read.code, JSON.parse(read.stdout)]).toMatchObject([0, { id: "snippet" }]);
      const again = await run(["submit", "create", "snippet", "blue", "5"]);
      expect([again.code, again.stderr]).toEqual([1, expect.stringContaining("snippet")]);
      const stranger = await run(["evaluate", "read", "snippet"], { PORTOLAN_KEY: "ptl_nothing" });
      expect([stranger.code, stranger.stderr]).toEqual([1, expect.stringContaining("UNAUTHENTICATED")]);
    } finally {
      files.remove();
    }
    const { sdk } = customer;
    const params = { chain, document: "certificates.json" };
    const calendar = JSON.parse((await sdk.documents.get({ params })).content) as {
      certificates: { name: string; renewedBy: string }[];
    };
    const renewers = new Map(calendar.certificates.map(({ name, renewedBy }) => [name, renewedBy]));
    expect(["identity/mine", "identity/held", "gateway/tls-ca"].map((name) => renewers.get(name))).toEqual([
      "customer",
      "plane",
      "gateway",
    ]);
  });

  it("serves the ecosystem's client through the TLS listener, and bills what was called", async () => {
    // A key of this test's own: REST's calls above are on the same bill.
    const key = await customer.sdk.keys.create({
      params: { app: customer.appId },
      body: { name: "grpc", scopes: ["rpc"] },
    });
    const client = openThroughPlane(plane, chain, key.secret ?? "", own);
    try {
      const contract = client.contract("main", "basic");
      await contract.submitTransaction("create", "g1", "green", "7");
      expect(JSON.parse(Buffer.from(await contract.evaluateTransaction("read", "g1")).toString())).toMatchObject({
        id: "g1",
      });
      const events = await client.gateway.getNetwork("main").getChaincodeEvents("basic", { startBlock: 0n });
      for await (const event of events) {
        expect(event.chaincodeName).toBe("basic");
        break;
      }
      events.close();
      const lifecycle = client.gateway.getNetwork("main").getContract("_lifecycle");
      await expect(lifecycle.evaluateTransaction("QueryChaincodeDefinitions")).rejects.toMatchObject({ code: 7 });
    } finally {
      client.close();
    }
    const stranger = openThroughPlane(plane, chain, "ptl_nothing", own);
    await expect(stranger.contract("main", "basic").evaluateTransaction("read", "g1")).rejects.toMatchObject({
      code: 16,
    });
    stranger.close();
    const used = await until(
      "its usage",
      async () => {
        const query = { groupBy: "key" };
        const { items } = await customer.sdk.usage.get({ params: { app: customer.appId }, query });
        const found = new Map(items.filter(({ keyId }) => keyId === key.id).map((item) => [item.sku, item]));
        const skus = ["transaction.submitted", "transaction.evaluated", "rpc.compute", "transfer.bytes"];
        // An endorsement, a status, and the event that came before the stream was closed, or more of them.
        const isWhole =
          Number(found.get("rpc.compute")?.quantity ?? 0) >= 50 + 10 + 5 &&
          Number(found.get("transfer.bytes")?.quantity ?? 0) > 3_000;
        return isWhole && skus.every((sku) => found.has(sku)) ? found : undefined;
      },
      { timeoutMs: 120_000, everyMs: 500 },
    );
    expect(["transaction.submitted", "transaction.evaluated"].map((sku) => used.get(sku)?.quantity)).toEqual([
      "1",
      "1",
    ]);
    expect(Number(used.get("transfer.bytes")?.quantity)).toBeGreaterThan(3_000);
    const usage = await until(
      "the bill",
      async () => {
        const { lines } = await customer.sdk.bills.get({ params: { app: customer.appId } });
        const found = new Map(lines.map(({ sku, quantity }) => [sku, Number(quantity)]));
        // All that was submitted above; usage comes with the windows.
        const isWhole = (found.get("transaction.submitted") ?? 0) >= 20 && (found.get("transfer.bytes") ?? 0) > 10_000;
        return isWhole ? found : undefined;
      },
      { timeoutMs: 120_000, everyMs: 500 },
    );
    expect([...usage.keys()]).toEqual(expect.arrayContaining([...used.keys()]));
    expect(usage.get("transfer.bytes")).toBeGreaterThan(10_000);
  });
});
