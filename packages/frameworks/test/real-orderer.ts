import { type ChildProcess, spawn } from "node:child_process";
import { createWriteStream, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { request } from "node:https";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type { TestCertificate, TestNetwork } from "./fabric-test-network.ts";

export interface OrdererPorts {
  grpc: number;
  admin: number;
  operations: number;
}

export interface ChannelInfo {
  name: string;
  status: string;
  consensusRelation: string;
  height: number;
}

export interface RealOrderer {
  ports: OrdererPorts;
  log: () => string;
  /** Posts a block to join. */
  join: (block: Uint8Array) => Promise<{ status: number; body: string }>;
  /** Puts a configuration update's envelope. */
  update: (envelope: Uint8Array) => Promise<{ status: number; body: string }>;
  info: (channelId: string) => Promise<ChannelInfo>;
  configBlock: (channelId: string) => Promise<Uint8Array>;
  stop: () => Promise<void>;
}

const toYaml = (directory: string, ports: OrdererPorts): string =>
  JSON.stringify({
    General: {
      ListenAddress: "127.0.0.1",
      ListenPort: ports.grpc,
      TLS: {
        Enabled: true,
        PrivateKey: join(directory, "tls.key"),
        Certificate: join(directory, "tls.crt"),
        RootCAs: [join(directory, "tls-ca.crt")],
      },
      Cluster: {
        SendBufferSize: 100,
        ClientCertificate: join(directory, "tls.crt"),
        ClientPrivateKey: join(directory, "tls.key"),
        RootCAs: [join(directory, "tls-ca.crt")],
      },
      LocalMSPDir: join(directory, "msp"),
      LocalMSPID: "OrdererMSP",
      BCCSP: { Default: "SW", SW: { Hash: "SHA2", Security: 256 } },
      Authentication: { TimeWindow: "15m" },
      Keepalive: { ServerMinInterval: "60s", ServerInterval: "7200s", ServerTimeout: "20s" },
      Backoff: { BaseDelay: "1s", Multiplier: 1.6, MaxDelay: "2s" },
      MaxRecvMsgSize: 104_857_600,
      MaxSendMsgSize: 104_857_600,
    },
    FileLedger: { Location: join(directory, "ledger") },
    Operations: { ListenAddress: `127.0.0.1:${ports.operations}` },
    Metrics: { Provider: "disabled" },
    Admin: {
      ListenAddress: `127.0.0.1:${ports.admin}`,
      TLS: {
        Enabled: true,
        Certificate: join(directory, "tls.crt"),
        PrivateKey: join(directory, "tls.key"),
        ClientAuthRequired: true,
        ClientRootCAs: [join(directory, "operator-ca.crt")],
      },
    },
    ChannelParticipation: { Enabled: true, MaxRequestBodySize: "1 MB" },
    Consensus: { WALDir: join(directory, "wal"), SnapDir: join(directory, "snap") },
  });

const nodeUnits = (ca: string): string =>
  JSON.stringify({
    NodeOUs: {
      Enable: true,
      ...Object.fromEntries(
        ["Client", "Peer", "Admin", "Orderer"].map((unit) => [
          `${unit}OUIdentifier`,
          { Certificate: ca, OrganizationalUnitIdentifier: unit.toLowerCase() },
        ]),
      ),
    },
  });

const writeFiles = (network: TestNetwork, index: number, directory: string, ports: OrdererPorts): void => {
  const orderer = network.orderers[index];
  if (orderer === undefined) throw new Error(`no orderer ${index}`);
  const msp = join(directory, "msp");
  for (const name of ["cacerts", "tlscacerts", "signcerts", "keystore"])
    mkdirSync(join(msp, name), { recursive: true });
  writeFileSync(join(msp, "cacerts", "ca.pem"), network.ordererOrg.ca.pem);
  writeFileSync(join(msp, "tlscacerts", "ca.pem"), network.ordererOrg.tlsCa.pem);
  writeFileSync(join(msp, "signcerts", "cert.pem"), orderer.identity.pem);
  writeFileSync(join(msp, "keystore", "key_sk"), orderer.identity.privateKeyPem, { mode: 0o600 });
  writeFileSync(join(msp, "config.yaml"), nodeUnits("cacerts/ca.pem"));
  writeFileSync(join(directory, "tls.crt"), orderer.tls.pem);
  writeFileSync(join(directory, "tls.key"), orderer.tls.privateKeyPem, { mode: 0o600 });
  writeFileSync(join(directory, "tls-ca.crt"), network.ordererOrg.tlsCa.pem);
  writeFileSync(join(directory, "operator-ca.crt"), network.operatorCa.pem);
  writeFileSync(join(directory, "orderer.yaml"), toYaml(directory, ports));
};

const boundary = "----a-boundary-that-no-block-has";

const toForm = (field: string, bytes: Uint8Array): Buffer =>
  Buffer.concat([
    Buffer.from(
      `--${boundary}\r\ncontent-disposition: form-data; name="${field}"; filename="x"\r\n` +
        "content-type: application/octet-stream\r\n\r\n",
    ),
    bytes,
    Buffer.from(`\r\n--${boundary}--\r\n`),
  ]);

const createAdmin = (network: TestNetwork, ports: OrdererPorts, operator: TestCertificate) => {
  const call = (method: string, path: string, body?: Buffer): Promise<{ status: number; body: Buffer }> =>
    new Promise((resolve, reject) => {
      const sent = request(
        {
          host: "127.0.0.1",
          port: ports.admin,
          method,
          path: `/participation/v1/channels${path}`,
          ca: network.ordererOrg.tlsCa.pem,
          cert: operator.pem,
          key: operator.privateKeyPem,
          agent: false,
          ...(body === undefined ? {} : { headers: { "content-type": `multipart/form-data; boundary=${boundary}` } }),
        },
        (response) => {
          const chunks: Buffer[] = [];
          response.on("data", (chunk: Buffer) => chunks.push(chunk));
          response.on("end", () => resolve({ status: response.statusCode ?? 0, body: Buffer.concat(chunks) }));
        },
      );
      sent.on("error", reject);
      sent.end(body);
    });
  const send = async (method: string, field: string, bytes: Uint8Array) => {
    const { status, body } = await call(method, "", toForm(field, bytes));
    return { status, body: body.toString() };
  };
  return {
    isUp: () => call("GET", "").then(({ status }) => status === 200),
    join: (block: Uint8Array) => send("POST", "config-block", block),
    update: (envelope: Uint8Array) => send("PUT", "config-update-envelope", envelope),
    info: async (channelId: string) => JSON.parse((await call("GET", `/${channelId}`)).body.toString()) as ChannelInfo,
    configBlock: async (channelId: string) => {
      const { status, body } = await call("GET", `/${channelId}/blocks/config`);
      if (status !== 200) throw new Error(`${status} ${body}`);
      return new Uint8Array(body);
    },
  };
};

const stop = async (child: ChildProcess): Promise<void> => {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = new Promise((resolve) => child.once("exit", resolve));
  child.kill("SIGTERM");
  const timer = setTimeout(() => child.kill("SIGKILL"), 5_000);
  await ended;
  clearTimeout(timer);
};

/** Starts one orderer of a network in a directory and waits for its admin listener. The caller stops it. */
export const startRealOrderer = async (input: {
  program: string;
  network: TestNetwork;
  index: number;
  directory: string;
  ports: OrdererPorts;
}): Promise<RealOrderer> => {
  const { program, network, index, directory, ports } = input;
  mkdirSync(directory, { recursive: true });
  writeFiles(network, index, directory, ports);
  const operator = await network.issue({ commonName: "operator", usage: "tls", issuer: network.operatorCa });
  const logFile = join(directory, "orderer.log");
  const child = spawn(program, [], {
    cwd: directory,
    env: { FABRIC_CFG_PATH: directory, FABRIC_LOGGING_SPEC: "INFO:grpc=ERROR", PATH: "/usr/bin:/bin" },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const log = createWriteStream(logFile);
  child.stdout.pipe(log);
  child.stderr.pipe(log);
  const admin = createAdmin(network, ports, operator);
  const orderer = { ports, log: () => readFileSync(logFile, "utf8"), ...admin, stop: () => stop(child) };
  for (let turn = 0; turn < 150; turn++) {
    if (child.exitCode !== null) throw new Error(`the orderer ended: ${orderer.log().slice(-2_000)}`);
    if (await admin.isUp().catch(() => false)) return orderer;
    await delay(100);
  }
  await orderer.stop();
  throw new Error(`the orderer never answered: ${orderer.log().slice(-2_000)}`);
};
