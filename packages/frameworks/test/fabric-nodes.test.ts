import { readdirSync, statSync } from "node:fs";
import { get } from "node:http";
import { get as getTls } from "node:https";
import { join } from "node:path";
import { connect } from "node:tls";
import type { JsonObject } from "@portolan/domain";
import { requireProgramSet } from "@portolan/testing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { toGzip, toTar } from "../src/fabric/chaincode/archive.ts";
import { chaincodePackageOf } from "../src/fabric/chaincode/package.ts";
import { createGrpcClients } from "../src/fabric/client/grpc-clients.ts";
import { installChaincode, installedPackages } from "../src/fabric/client/lifecycle.ts";
import { toLowS } from "../src/fabric/crypto/index.ts";
import { materialNames, newest } from "../src/fabric/names.ts";
import { chaincodesOf } from "../src/fabric/parts.ts";
import { type FabricOnProcesses, openFabric } from "./fabric-on-processes.ts";
import { catalogueChaincode, fabricSpec } from "./fabric-spec.ts";

const spec = fabricSpec(
  {},
  {
    parts: [
      catalogueChaincode("basic"),
      { ...catalogueChaincode("gold", "token"), id: "cco_01jd00000000000000000000ab" },
    ],
  },
);
const grpc = createGrpcClients({ idleMs: 1_000 });
const patience = () => ({ timeoutMs: 20_000, signal: AbortSignal.timeout(20_000) });

const pemOf = (net: FabricOnProcesses, name: string): string =>
  String((newest(net.material, name)?.public as JsonObject | undefined)?.["pem"]);

/** The first organisation's administrator, at its peer. */
const sessionOf = async (net: FabricOnProcesses) => {
  const { host, port } = await net.runtime.dial(net.placement, "peer-org1-0", "grpc");
  return {
    clients: grpc,
    target: { host, port, rootsPem: pemOf(net, materialNames.tlsCa("org1")) },
    identity: { mspId: "Org1MSP", pem: pemOf(net, materialNames.admin("org1")) },
    sign: async (data: Uint8Array) => toLowS(await net.signer.sign(materialNames.admin("org1"), data)),
  };
};

const packageOf = (net: FabricOnProcesses) => {
  const [part] = chaincodesOf(net.spec);
  const made = part && chaincodePackageOf(net.spec, part, net);
  if (made === undefined) throw new Error("no package");
  return made;
};

const statusOf = (host: string, port: number): Promise<number | undefined> =>
  new Promise((resolve, reject) => {
    get({ host, port, path: "/healthz", agent: false }, (response) => {
      response.resume();
      resolve(response.statusCode);
    }).once("error", reject);
  });

/** The subject of who answers, once its certificate is verified for the host that is dialled. */
const commonNameOf = (host: string, port: number, ca: string): Promise<string> =>
  new Promise((resolve, reject) => {
    const socket = connect({ host, port, ca, ALPNProtocols: ["h2"] }, () => {
      resolve(String(socket.getPeerCertificate().subject.CN));
      socket.end();
    });
    socket.once("error", reject);
  });

const fetchWithout = (host: string, port: number, ca: string): Promise<number | undefined> =>
  new Promise((resolve, reject) => {
    getTls({ host, port, ca, path: "/participation/v1/channels", agent: false }, (response) => {
      response.resume();
      resolve(response.statusCode);
    }).once("error", reject);
  });

describe.runIf(requireProgramSet("fabric"))("Fabric's programs on the process runtime", () => {
  let opened: FabricOnProcesses | undefined;
  const net = (): FabricOnProcesses => {
    if (opened === undefined) throw new Error("not open");
    return opened;
  };
  beforeAll(async () => {
    opened = await openFabric(spec, 31_000);
    await net().converge();
  });
  afterAll(async () => {
    grpc.closeAll();
    await opened?.close();
  });

  test("each node serves TLS with a certificate for the address that is dialled", async () => {
    for (const [node, organisation] of [
      ["orderer-0", "orderer"],
      ["peer-org1-0", "org1"],
      ["chaincode-basic-0", "org1"],
      ["chaincode-gold-0", "org1"],
    ] as const) {
      const { host, port } = await net().runtime.dial(net().placement, node, "grpc");
      expect(await commonNameOf(host, port, pemOf(net(), materialNames.tlsCa(organisation)))).toBe(node);
    }
  });

  test("health is asked for without TLS, the orderer's administration only with a certificate", async () => {
    for (const node of ["orderer-0", "peer-org1-0"]) {
      const { host, port } = await net().runtime.dial(net().placement, node, "operations");
      expect(await statusOf(host, port)).toBe(200);
    }
    const { host, port } = await net().runtime.dial(net().placement, "orderer-0", "admin");
    const ca = pemOf(net(), materialNames.tlsCa("orderer"));
    const refused = fetchWithout(host, port, ca);
    await expect(refused).rejects.toThrow(/certificate required|ECONNRESET|handshake/i);
  });

  test("the ledger lies below the volume, and probes leave no errors in the logs", async () => {
    const { host, port } = await net().runtime.dial(net().placement, "peer-org1-0", "grpc");
    for (let count = 0; count < 3; count++) await commonNameOf(host, port, pemOf(net(), materialNames.tlsCa("org1")));
    const data = (node: string) => join(net().directory(node), "volumes", "data");
    expect(readdirSync(data("orderer-0"))).toEqual(expect.arrayContaining(["ledger"]));
    expect(readdirSync(data("peer-org1-0"))).toEqual(expect.arrayContaining(["ledger"]));
    for (const node of ["orderer-0", "peer-org1-0"])
      expect(
        (await net().logs(node)).filter((line) => /^(ERROR|PANIC|FATAL)/.test(line) && !line.includes("certificate")),
      ).toEqual([]);
  });

  test("private keys can be read by the run user alone", () => {
    const mode = (node: string, file: string) => statSync(join(net().directory(node), "files", file)).mode & 0o777;
    expect([mode("peer-org1-0", "msp/keystore/key.pem"), mode("orderer-0", "tls/server.key")]).toEqual([0o600, 0o600]);
    expect(mode("peer-org1-0", "msp/keystore") & 0o007).toBe(0);
    expect(mode("peer-org1-0", "builder/bin/detect")).toBe(0o755);
  });

  test("a peer installs a package with our builder, and has it by the id that was computed", async () => {
    const session = await sessionOf(net());
    const { bytes, packageId } = packageOf(net());
    expect(await installChaincode(session, bytes, patience())).toBe("installed");
    expect(await installChaincode(session, bytes, patience())).toBe("was there");
    expect(await installedPackages(session, patience())).toEqual([packageId]);
    const builds = join(net().directory("peer-org1-0"), "volumes", "data", "ledger", "externalbuilder", "builds");
    const [built = ""] = readdirSync(builds);
    expect(readdirSync(join(builds, built, "release", "chaincode", "server"))).toEqual(["connection.json"]);
  });

  test("a peer refuses a package of another type", async () => {
    const session = await sessionOf(net());
    const json = (value: object) => Buffer.from(JSON.stringify(value));
    const code = toGzip(toTar([{ name: "connection.json", content: json({ address: "127.0.0.1:1" }) }]));
    const metadata = json({ path: "", type: "node", label: "other" });
    const other = toGzip(
      toTar([
        { name: "metadata.json", content: metadata },
        { name: "code.tar.gz", content: code },
      ]),
    );
    await expect(installChaincode(session, other, patience())).rejects.toThrow(/no .*build|docker/i);
    expect(await installedPackages(session, patience())).toHaveLength(1);
  });

  test("a renewed certificate restarts its node with the same key; allowed ones only", async () => {
    const before = await net().converge();
    await net().renew(new Date(Date.now() + 300 * 86_400_000));
    const after = await net().converge(["peer-org1-0"]);
    const starts = (nodes: typeof before) =>
      Object.fromEntries(nodes.map(({ node, incarnation }) => [node, incarnation]));
    expect(starts(after)).toEqual({ ...starts(before), "peer-org1-0": (starts(before)["peer-org1-0"] ?? 0) + 1 });
  });
});
