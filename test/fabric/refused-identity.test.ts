import { randomBytes, sign, X509Certificate } from "node:crypto";
import { Client, credentials, type ServiceError } from "@grpc/grpc-js";
import { systemClock } from "@portolan/domain";
import { GrpcFailure, type RestContext } from "@portolan/frameworks";
import { issueCertificate, newP256Key, toSerialNumber } from "@portolan/frameworks/certificates";
import { requireProgramSet } from "@portolan/testing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { fabricSpec, type Network, openNetwork, part } from "./network.ts";

const programs = requireProgramSet("fabric");

const random = { bytes: (size: number) => new Uint8Array(randomBytes(size)) };
const same = (bytes: Uint8Array): Buffer => Buffer.from(bytes);
const toFailure = ({ code, details, metadata }: ServiceError): GrpcFailure =>
  new GrpcFailure({
    status: code,
    message: details,
    details: metadata.get("grpc-status-details-bin").find((item) => typeof item !== "string") ?? null,
  });
const days = (count: number): Date => new Date(Date.now() + count * 86_400_000);

/** What is answered for identities that peers refuse, and what their own words become, on real peers: Fabric's REST as the gateway answers it, straight at a peer. */
describe.skipIf(programs === undefined)("identities that peers refuse", () => {
  let network: Network;
  let client: Client;
  beforeAll(async () => {
    network = await openNetwork(
      fabricSpec(
        { orderers: 1 },
        [
          part("channel", "main", {}),
          part("chaincode", "basic", { channel: "main", source: { kind: "catalogue", name: "asset-transfer" } }),
        ],
        { plan: "dev" },
      ),
    );
    await network.converge();
    const { host, port } = await network.dial("peer-org1-0", "grpc");
    client = new Client(`${host}:${port}`, credentials.createSsl(Buffer.from(pemOf("tlsca/org1"))), {
      "grpc.ssl_target_name_override": "localhost",
    });
  }, 240_000);
  afterAll(async () => {
    client?.close();
    await network?.close();
  });

  const pemOf = (name: string): string => {
    const item = network.material().find((found) => found.name === name);
    return (item?.public as { pem?: string } | undefined)?.pem ?? "";
  };

  /** Of organisation 1's own authority, unless it is another's. */
  const issue = async ({ until, isForeign = false }: { until: Date; isForeign?: boolean }) => {
    // Peers judge the chain of a certificate as of its beginning.
    const from = new Date(new X509Certificate(pemOf("ca/org1")).validFromDate.getTime() + 1_000);
    const key = newP256Key(random);
    const authority = newP256Key(random);
    const base = { serial: toSerialNumber(random.bytes(16)), notBefore: from, notAfter: until };
    const signForeign = async (tbs: Uint8Array) => sign("sha256", tbs, authority.privateKeyPem);
    const foreign = await issueCertificate({
      ...{ ...base, notBefore: days(-900), notAfter: days(900), isAuthority: true, usage: "ca", issuer: null },
      ...{ subject: { commonName: "elsewhere" }, publicKey: authority.publicKeyPem, sign: signForeign },
    });
    const { pem } = await issueCertificate({
      ...{ ...base, isAuthority: false, usage: "identity", publicKey: key.publicKeyPem },
      subject: { commonName: "alice", unit: "client" },
      issuer: { pem: isForeign ? foreign.pem : pemOf("ca/org1") },
      sign: isForeign ? signForeign : async (tbs) => sign("sha256", tbs, network.privateKey("ca/org1")),
    });
    return { pem, sign: async (data: Uint8Array) => new Uint8Array(sign("sha256", data, key.privateKeyPem)) };
  };

  const toContext = (identity: Awaited<ReturnType<typeof issue>>): RestContext => ({
    chainId: "chn_1",
    facts: {},
    now: () => systemClock.now(),
    random: random.bytes,
    signal: AbortSignal.timeout(30_000),
    unary: (method, message, { timeoutMs }) =>
      new Promise((resolve, reject) => {
        const options = { deadline: Date.now() + timeoutMs };
        client.makeUnaryRequest(`/${method}`, same, same, message as Buffer, options, (error, answer) => {
          if (error === null) resolve(answer ?? new Uint8Array());
          else reject(toFailure(error));
        });
      }),
    serverStream: async function* (method, message) {
      const call = client.makeServerStreamRequest(`/${method}`, same, same, message as Buffer);
      try {
        for await (const answer of call) yield answer as Buffer;
      } catch (error) {
        throw toFailure(error as ServiceError);
      } finally {
        call.cancel();
      }
    },
    identity: async () => ({ partId: "idn_1", facts: { mspId: "Org1MSP", pem: identity.pem }, sign: identity.sign }),
  });

  const ask = async (route: string, context: RestContext, body: object | null = null) => {
    const rest = network.framework.protocols.find((protocol) => protocol.rest !== undefined)?.rest;
    if (rest === undefined) throw new Error("there is no REST");
    const params = { channel: "main", chaincode: "basic" };
    const answer = await rest.handle({ route, params, query: { identity: "alice" }, body }, context);
    if (answer.kind === "json") return answer.body;
    for await (const event of answer.events) return event;
    return null;
  };
  const create = { identity: "alice", function: "create", args: ["a1", "a car", "1"] };
  const routes = [
    ["transactions.submit", create],
    ["transactions.evaluate", { ...create, function: "list", args: [] }],
    ["blocks.height", null],
    ["events.stream", null],
  ] as const;

  test("one that holds is served", async () => {
    const context = toContext(await issue({ until: days(1) }));
    expect(await ask("transactions.submit", context, create)).toMatchObject({ status: "VALID" });
  });

  test.each(routes)("%s with a certificate that has expired says so", async (route, body) => {
    const context = toContext(await issue({ until: new Date(Date.now() - 1_000) }));
    await expect(ask(route, context, body)).rejects.toMatchObject({
      code: "identity.expired",
      hint: expect.stringContaining("new request"),
    });
  });

  test.each(routes)("%s with a certificate of an authority of elsewhere is refused", async (route, body) => {
    const context = toContext(await issue({ until: days(1), isForeign: true }));
    await expect(ask(route, context, body)).rejects.toMatchObject({
      code: "identity.refused",
      hint: expect.stringContaining("organisation of the channel"),
    });
  });
});
