import { createPrivateKey, generateKeyPairSync, type KeyObject, sign } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Client, credentials, Metadata } from "@grpc/grpc-js";
import { type Contract, connect, type Gateway, hash, signers } from "@hyperledger/fabric-gateway";
import { runSql } from "@portolan/store";
import { type Customer, finish } from "./customer.ts";
import type { Plane } from "./plane.ts";

export const fabricBody = (
  customer: Pick<Customer, "appId">,
  {
    name = "ledger",
    plan = "dev",
    settings = {},
    regions = ["local"],
  }: { name?: string; plan?: string; settings?: object; regions?: string[] } = {},
) => ({
  ...{ appId: customer.appId, name, framework: "fabric", plan, regions },
  hosting: "dedicated" as const,
  settings: { ...settings },
});

const der = (tag: number, ...parts: Uint8Array[]): Buffer => {
  const content = Buffer.concat(parts);
  const length =
    content.length < 128 ? [content.length] : [0x82, Math.floor(content.length / 256), content.length % 256];
  return Buffer.concat([Buffer.from([tag, ...length]), content]);
};

const ecdsaWithSha256 = Buffer.from("06082a8648ce3d040302", "hex");

/** A key that never leaves the customer, and the request (PKCS #10, PEM) for its certificate. */
export const newCsr = (): { privateKey: KeyObject; csr: string } => {
  const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const spki = publicKey.export({ type: "spki", format: "der" });
  const info = der(0x30, der(0x02, Buffer.from([0])), der(0x30), spki, der(0xa0));
  const signature = der(0x03, Buffer.from([0]), sign("sha256", info, privateKey));
  const request = der(0x30, info, der(0x30, ecdsaWithSha256), signature);
  const lines = request.toString("base64").match(/.{1,64}/g) ?? [];
  const csr = `-----BEGIN CERTIFICATE REQUEST-----\n${lines.join("\n")}\n-----END CERTIFICATE REQUEST-----\n`;
  return { privateKey: createPrivateKey(privateKey.export({ type: "pkcs8", format: "pem" })), csr };
};

/** What an application signs with. */
export interface FabricUser {
  mspId: string;
  certificate: string;
  privateKey: KeyObject;
}

/** An identity of the customer's own key, as the plane certifies it. */
export const enrol = async (
  customer: Customer,
  chain: string,
  { name, organisation }: { name: string; organisation: string },
): Promise<FabricUser> => {
  const { privateKey, csr } = newCsr();
  const body = { name, settings: { organisation, keys: { mode: "own" as const, csr } } };
  await finish(customer.sdk, (await customer.sdk.identities.create({ params: { chain }, body })).id);
  const { detail } = await customer.sdk.identities.get({ params: { chain, identity: name } });
  return { mspId: String(detail["mspId"]), certificate: String(detail["pem"]), privateKey };
};

/** Rows behind the plane's back: what no customer sees. */
export const rows = async (plane: Plane, sql: string): Promise<Record<string, unknown>[]> => {
  let found: Record<string, unknown>[] = [];
  await runSql(await plane.superuserUrl(), async (query) => {
    found = (await query(sql)) as Record<string, unknown>[];
  });
  return found;
};

/** Where a node listens on this machine, and who signs its certificate. */
export const peerAddress = async (plane: Plane, chain: string, node: string) => {
  const [placement] = await rows(plane, `select addresses from placements where chain_id = '${chain}'`);
  const list = (placement?.["addresses"] ?? []) as { node: string; port: string; host: string; number: number }[];
  const found = list.find((item) => item.node === node && item.port === "grpc");
  if (found === undefined) throw new Error(`${node} has no address`);
  const organisation = /^peer-(.+)-[0-9]+$/.exec(node)?.[1] ?? "";
  const sql = `select public from materials where chain_id = '${chain}' and name = 'tlsca/${organisation}'`;
  const [authority] = await rows(plane, sql);
  const { pem } = (authority?.["public"] ?? {}) as { pem?: string };
  if (pem === undefined) throw new Error(`there is no TLS authority of ${organisation}`);
  return { host: found.host, port: found.number, rootsPem: pem };
};

export interface OpenFabric {
  gateway: Gateway;
  contract(channel: string, chaincode: string): Contract;
  close(): void;
}

const open = (client: Client, user: FabricUser): OpenFabric => {
  const gateway = connect({
    client,
    identity: { mspId: user.mspId, credentials: Buffer.from(user.certificate) },
    signer: signers.newPrivateKeySigner(user.privateKey),
    hash: hash.sha256,
    evaluateOptions: () => ({ deadline: Date.now() + 10_000 }),
    endorseOptions: () => ({ deadline: Date.now() + 15_000 }),
    submitOptions: () => ({ deadline: Date.now() + 10_000 }),
    commitStatusOptions: () => ({ deadline: Date.now() + 20_000 }),
  });
  return {
    gateway,
    contract: (channel, chaincode) => gateway.getNetwork(channel).getContract(chaincode),
    close: () => {
      gateway.close();
      client.close();
    },
  };
};

const options = { "grpc.initial_reconnect_backoff_ms": 100, "grpc.max_reconnect_backoff_ms": 1_000 };

/** The ecosystem's client, straight to a peer. */
export const openDirect = (peer: { host: string; port: number; rootsPem: string }, user: FabricUser): OpenFabric =>
  open(
    new Client(`${peer.host}:${peer.port}`, credentials.createSsl(Buffer.from(peer.rootsPem)), {
      ...options,
      "grpc.ssl_target_name_override": "localhost",
    }),
    user,
  );

/** The same client through the plane's own listener: the chain is told by the server name, the key by metadata. */
export const openThroughPlane = (
  plane: Plane,
  chain: string,
  secret: string,
  user: FabricUser,
  label?: string,
): OpenFabric => {
  const roots = readFileSync(join(plane.home, "gateway", "local", "tls", "ca.pem"));
  const metadata = credentials.createFromMetadataGenerator((_, callback) => {
    const key = new Metadata();
    key.set("x-api-key", secret);
    callback(null, key);
  });
  const name = `${label === undefined ? "" : `${label}.`}${chain.replaceAll("_", "-")}.chains.localhost`;
  const client = new Client(plane.grpc, credentials.combineChannelCredentials(credentials.createSsl(roots), metadata), {
    ...options,
    "grpc.ssl_target_name_override": name,
  });
  return open(client, user);
};
