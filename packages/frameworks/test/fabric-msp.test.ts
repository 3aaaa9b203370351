import { type ChildProcess, spawn } from "node:child_process";
import { copyFileSync, mkdirSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { connect as connectTls } from "node:tls";
import { freePort, requireProgramSet, temporaryDirectory } from "@portolan/testing";
import { expect, onTestFinished, test } from "vitest";
import { issueCrl } from "../src/fabric/crypto/index.ts";
import { createKeeper, part, toSpec } from "./fabric-material.ts";

const programs = requireProgramSet("fabric");
const assets = join(import.meta.dirname, "../src/fabric/assets");

const nodeUnits = (["Client", "Peer", "Admin", "Orderer"] as const)
  .map(
    (unit) =>
      `  ${unit}OUIdentifier: { Certificate: cacerts/ca.pem, OrganizationalUnitIdentifier: ${unit.toLowerCase()} }`,
  )
  .join("\n");

type Keeper = ReturnType<typeof createKeeper>;

/** A node's directories as Fabric's programs read them; `key` is whose enrolment key goes in. */
const place = (keeper: Keeper, node: string, organisation: string, key = node): string => {
  const directory = temporaryDirectory("msp");
  const write = (path: string, text: unknown): void => {
    mkdirSync(join(directory, path, ".."), { recursive: true });
    writeFileSync(join(directory, path), String(text), { mode: 0o600 });
  };
  write("msp/cacerts/ca.pem", keeper.read(`ca/${organisation}`)["pem"]);
  write("msp/tlscacerts/ca.pem", keeper.read(`tlsca/${organisation}`)["pem"]);
  write("msp/signcerts/cert.pem", keeper.read(`node/${node}/enrolment`)["pem"]);
  write("msp/keystore/key.pem", keeper.secret(`node/${key}/enrolment-key`));
  write("msp/config.yaml", `NodeOUs:\n  Enable: true\n${nodeUnits}\n`);
  if (keeper.get(`crl/${organisation}`) !== undefined)
    write("msp/crls/crl.pem", keeper.read(`crl/${organisation}`)["pem"]);
  write("tls/server.crt", keeper.read(`node/${node}/tls`)["pem"]);
  write("tls/server.key", keeper.secret(`node/${node}/tls-key`));
  write("tls/ca.crt", keeper.read(`tlsca/${organisation}`)["pem"]);
  write("tls/operator.crt", keeper.read("operator-ca")["pem"]);
  for (const name of ["core.yaml", "orderer.yaml"]) copyFileSync(join(assets, name), join(directory, name));
  return directory;
};

interface Run {
  output(): string;
  /** Undefined while it runs. */
  code(): number | null | undefined;
}

const run = (program: string, args: string[], directory: string, env: { [name: string]: string }): Run => {
  const child: ChildProcess = spawn(program, args, {
    cwd: directory,
    env: { FABRIC_CFG_PATH: directory, FABRIC_LOGGING_SPEC: "INFO:grpc=ERROR", ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let output = "";
  let code: number | null | undefined;
  const ended = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  child.once("exit", (status) => {
    code = status;
  });
  for (const stream of [child.stdout, child.stderr])
    stream?.on("data", (chunk: Buffer) => {
      output += chunk.toString();
    });
  onTestFinished(async () => {
    child.kill("SIGKILL");
    await ended;
  });
  return { output: () => output, code: () => code };
};

const startPeer = async (directory: string, program: string): Promise<Run & { port: number }> => {
  const [port, chaincode, operations] = [await freePort(), await freePort(), await freePort()];
  const child = run(program, ["node", "start"], directory, {
    CORE_PEER_ID: "peer-org1-0",
    CORE_PEER_LOCALMSPID: "Org1MSP",
    CORE_PEER_MSPCONFIGPATH: join(directory, "msp"),
    CORE_PEER_ADDRESS: `127.0.0.1:${port}`,
    CORE_PEER_LISTENADDRESS: `127.0.0.1:${port}`,
    CORE_PEER_CHAINCODELISTENADDRESS: `127.0.0.1:${chaincode}`,
    CORE_PEER_GOSSIP_EXTERNALENDPOINT: `127.0.0.1:${port}`,
    CORE_PEER_TLS_CERT_FILE: join(directory, "tls/server.crt"),
    CORE_PEER_TLS_KEY_FILE: join(directory, "tls/server.key"),
    CORE_PEER_TLS_ROOTCERT_FILE: join(directory, "tls/ca.crt"),
    CORE_PEER_FILESYSTEMPATH: join(directory, "data"),
    CORE_LEDGER_SNAPSHOTS_ROOTDIR: join(directory, "data/snapshots"),
    CORE_OPERATIONS_LISTENADDRESS: `127.0.0.1:${operations}`,
    // Not used: it wants one place for chaincode, and there is none here.
    CORE_VM_ENDPOINT: "unix:///nowhere.sock",
  });
  return { ...child, port };
};

const startOrderer = async (directory: string, program: string): Promise<Run & { port: number; admin: number }> => {
  const [port, admin, operations] = [await freePort(), await freePort(), await freePort()];
  const tls = (name: string): string => join(directory, "tls", name);
  const child = run(program, ["start"], directory, {
    ORDERER_GENERAL_LISTENADDRESS: "127.0.0.1",
    ORDERER_GENERAL_LISTENPORT: String(port),
    ORDERER_GENERAL_LOCALMSPID: "OrdererMSP",
    ORDERER_GENERAL_LOCALMSPDIR: join(directory, "msp"),
    ORDERER_GENERAL_TLS_CERTIFICATE: tls("server.crt"),
    ORDERER_GENERAL_TLS_PRIVATEKEY: tls("server.key"),
    ORDERER_GENERAL_TLS_ROOTCAS: `[${tls("ca.crt")}]`,
    ORDERER_GENERAL_CLUSTER_CLIENTCERTIFICATE: tls("server.crt"),
    ORDERER_GENERAL_CLUSTER_CLIENTPRIVATEKEY: tls("server.key"),
    ORDERER_GENERAL_CLUSTER_ROOTCAS: `[${tls("ca.crt")}]`,
    ORDERER_ADMIN_LISTENADDRESS: `127.0.0.1:${admin}`,
    ORDERER_ADMIN_TLS_CERTIFICATE: tls("server.crt"),
    ORDERER_ADMIN_TLS_PRIVATEKEY: tls("server.key"),
    ORDERER_ADMIN_TLS_CLIENTROOTCAS: `[${tls("operator.crt")}]`,
    ORDERER_OPERATIONS_LISTENADDRESS: `127.0.0.1:${operations}`,
    ORDERER_FILELEDGER_LOCATION: join(directory, "data"),
    ORDERER_CONSENSUS_WALDIR: join(directory, "data/wal"),
    ORDERER_CONSENSUS_SNAPDIR: join(directory, "data/snap"),
  });
  return { ...child, port, admin };
};

const isOpen = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect({ port, host: "127.0.0.1" });
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", () => resolve(false));
  });

/** Waits until the node listens; throws with what it said when it ends instead. */
const listening = async ({ output, code }: Run, port: number): Promise<void> => {
  for (let count = 0; count < 400; count++) {
    if (code() !== undefined) throw new Error(`it ended: ${output()}`);
    if (await isOpen(port)) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`it does not listen: ${output()}`);
};

const ended = async ({ output, code }: Run): Promise<string> => {
  await expect.poll(code, { timeout: 60_000, interval: 50 }).not.toBeUndefined();
  return output();
};

/** Host names for which the node's certificate is good, by a client that trusts the organisation's TLS root alone. */
const greet = (port: number, root: unknown, servername: string): Promise<string> =>
  new Promise((resolve) => {
    const options = { port, host: "127.0.0.1", ca: String(root), servername, ALPNProtocols: ["h2"] };
    const socket = connectTls(options, () => {
      resolve("trusted");
      socket.destroy();
    });
    socket.once("error", (error) => resolve((error as Error & { code?: string }).code ?? error.message));
  });

test.skipIf(programs === undefined)("a real peer and a real orderer start with the material", async () => {
  const keeper = createKeeper();
  const alice = part("identity", "alice", { organisation: "org1" });
  const spec = toSpec({ orderers: 1, organisations: [{ name: "org1" }, { name: "org2" }] }, [alice]);
  const now = new Date();
  await keeper.pass(spec, now);
  // With a list of revoked certificates, which the peer reads on its start.
  await keeper.pass({ ...spec, parts: [] }, now);
  expect(keeper.get("crl/org1")).toBeDefined();
  const peer = await startPeer(place(keeper, "peer-org1-0", "org1"), String(programs?.paths["peer"]));
  const orderer = await startOrderer(place(keeper, "orderer-0", "orderer"), String(programs?.paths["orderer"]));
  await Promise.all([listening(peer, peer.port), listening(orderer, orderer.port)]);
  const root = (organisation: string): unknown => keeper.read(`tlsca/${organisation}`)["pem"];
  expect(await greet(peer.port, root("org1"), "localhost")).toBe("trusted");
  expect(await greet(peer.port, root("org2"), "localhost")).toMatch(/UNABLE_TO_VERIFY|SELF_SIGNED/);
  expect(await greet(peer.port, root("org1"), "elsewhere.example")).toBe("ERR_TLS_CERT_ALTNAME_INVALID");
  expect(await greet(orderer.port, root("orderer"), "localhost")).toBe("trusted");
  // Warnings of the programs about the material are ours to find, not the customer's.
  for (const { output } of [peer, orderer])
    expect(output()).not.toMatch(/certificate.*(?:expired|will expire within)/i);
});

test.skipIf(programs === undefined)(
  "a real peer refuses a key that is not its certificate's, so that it reads both",
  async () => {
    const keeper = createKeeper();
    await keeper.pass(toSpec({ orderers: 1, organisations: [{ name: "org1", peers: 2 }] }), new Date());
    const directory = place(keeper, "peer-org1-0", "org1", "peer-org1-1");
    const output = await ended(await startPeer(directory, String(programs?.paths["peer"])));
    expect(output).toMatch(/KeyMaterial not found|Could not find matching private key/i);
  },
);

test.skipIf(programs === undefined)("a real peer refuses a certificate of another organisation", async () => {
  const keeper = createKeeper();
  const spec = toSpec({ orderers: 1, organisations: [{ name: "org1" }, { name: "org2" }] });
  await keeper.pass(spec, new Date());
  const directory = place(keeper, "peer-org2-0", "org1");
  const output = await ended(await startPeer(directory, String(programs?.paths["peer"])));
  expect(output).toContain("certificate signed by unknown authority");
});

test.skipIf(programs === undefined)("a real peer finds its certificate on a list of ours, and stops", async () => {
  const keeper = createKeeper();
  const now = new Date();
  await keeper.pass(toSpec({ orderers: 1 }), now);
  const directory = place(keeper, "peer-org1-0", "org1");
  const list = await issueCrl({
    issuerPem: String(keeper.read("ca/org1")["pem"]),
    serials: [String(keeper.read("node/peer-org1-0/enrolment")["serial"])],
    number: 1,
    thisUpdate: now,
    nextUpdate: new Date(now.getTime() + 86_400_000),
    sign: (tbs) => keeper.signer.sign("ca/org1", tbs),
  });
  mkdirSync(join(directory, "msp/crls"));
  writeFileSync(join(directory, "msp/crls/crl.pem"), list.pem);
  const output = await ended(await startPeer(directory, String(programs?.paths["peer"])));
  expect(output).toContain("The certificate has been revoked");
});
