import { requireProgramSet } from "@portolan/testing";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Customer, finish, signUp } from "../support/customer.ts";
import { fabricBody } from "../support/fabric.ts";
import { type Plane, startPlane } from "../support/plane.ts";
import { until } from "../support/until.ts";

const programs = requireProgramSet("fabric");

describe.skipIf(programs === undefined)("chaincode at a customer's own address, on the whole plane", () => {
  let plane: Plane;
  let customer: Customer;
  let chain = "";
  beforeAll(async () => {
    plane = await startPlane();
    customer = await signUp(plane);
    chain = (await customer.sdk.chains.create({ body: fabricBody(customer) })).target.id;
    const channel = await customer.sdk.channels.create({ params: { chain }, body: { name: "main" } });
    await finish(customer.sdk, channel.id);
  });
  afterAll(() => plane?.stop());

  const at = (name: string, address: string) =>
    customer.sdk.chaincodes.create({
      params: { chain },
      body: { name, settings: { channel: "main", source: { kind: "external", address } } },
    });

  it.each(["127.0.0.1:5432", "127.1:5432", "localhost:4100", "169.254.169.254:80", "2130706433:80"])(
    "%s is refused before anything is made",
    async (address) => {
      await expect(at("inside", address)).rejects.toMatchObject({ code: "address.forbidden" });
      expect((await customer.sdk.chaincodes.list({ params: { chain } })).items).toEqual([]);
    },
  );

  it("that nobody answers at is named in the operation, and the network is as it was", async () => {
    const address = "nobody.portolan-example.com:7052";
    const { id } = await at("own", address);
    const trouble = await until(
      "the trouble is said",
      async () => {
        const { steps } = await customer.sdk.operations.get({ params: { operation: id } });
        const text = JSON.stringify(steps);
        return text.includes("chaincode.unreachable") ? { text } : undefined;
      },
      { timeoutMs: 120_000 },
    );
    expect(trouble.text).toContain(address);
    const { items } = await customer.sdk.chains.nodes({ params: { chain } });
    expect(items.map(({ name }) => name).sort()).toEqual(["chaincode-own-0", "orderer-0", "peer-org1-0"]);
    expect((await customer.sdk.chains.get({ params: { chain } })).phase).toBe("running");
  });
});
