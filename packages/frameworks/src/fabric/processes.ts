import type { BlueprintPort, ChainSpec, EnvValue, PathRef, Probe, ProcessSpec, ProgramSpec } from "@portolan/domain";
import { relayFiles, tlsFiles } from "./node-files.ts";
import { limitsOf } from "./plans.ts";
import { ordererMspId } from "./settings.ts";
import { ports } from "./topology.ts";

const data = (path: string): PathRef => ({ volume: "data", path });

const portOf = (own: readonly BlueprintPort[], name: string): BlueprintPort => {
  const found = own.find((port) => port.name === name);
  if (found === undefined) throw new Error(`the node has no port ${name}`);
  return found;
};

/** What the program listens on. */
const bound = (own: readonly BlueprintPort[], name: string): string => {
  const { bindHost, bindNumber } = portOf(own, name);
  return `${bindHost}:${bindNumber}`;
};

/** What others dial. */
const dialled = (own: readonly BlueprintPort[], name: string): string => {
  const { host, number } = portOf(own, name);
  return `${host}:${number}`;
};

/** Lists of paths, as Fabric reads them from the environment. */
const listOf = (file: PathRef): EnvValue => ["[", file, "]"];

/**
 * Less than Fabric's own INFO: gRPC's log says each connection that a client closes, and the server's each call, which
 * under load is most of the log. The time of a line is the runtime's to add.
 */
const logging = {
  FABRIC_LOGGING_SPEC: "INFO:grpc=ERROR:comm.grpc.server=WARN",
  FABRIC_LOGGING_FORMAT: "%{level} [%{module}] %{message}",
};

/** Collects garbage in time, so that a burst does not end in the node being killed for its memory. */
const memoryLimit = (spec: Pick<ChainSpec, "plan">): { GOMEMLIMIT: string } => ({
  GOMEMLIMIT: `${Math.floor(limitsOf(spec).memoryBytes * 0.8)}B`,
});

/** The health of the operations port says nothing of whether the node serves: that port opens first. */
const servesTls: Probe = { kind: "tls", port: ports.grpc, periodMs: 5_000, timeoutMs: 5_000, startupMs: 90_000 };

const stop = { after: [], stopSignal: "SIGTERM", stopGraceMs: 30_000 } as const;

/** An orderer. Everything that grows lies below its volume: blocks, the consensus' log and its snapshots. */
export const toOrdererProcess = (spec: ChainSpec, own: readonly BlueprintPort[]): ProcessSpec => {
  const grpc = portOf(own, ports.grpc);
  const tls = { certificate: { file: tlsFiles.certificate }, key: { file: tlsFiles.key } };
  const authority = listOf({ file: tlsFiles.authority });
  return {
    name: "orderer",
    program: {
      name: "orderer",
      version: spec.version,
      image: `docker.io/hyperledger/fabric-orderer:${spec.version}`,
    },
    args: [],
    env: {
      ...logging,
      ...memoryLimit(spec),
      FABRIC_CFG_PATH: { directory: "config" },
      ORDERER_GENERAL_LISTENADDRESS: grpc.bindHost,
      ORDERER_GENERAL_LISTENPORT: String(grpc.bindNumber),
      ORDERER_GENERAL_LOCALMSPID: ordererMspId,
      ORDERER_GENERAL_LOCALMSPDIR: { directory: "msp" },
      ORDERER_GENERAL_TLS_CERTIFICATE: tls.certificate,
      ORDERER_GENERAL_TLS_PRIVATEKEY: tls.key,
      ORDERER_GENERAL_TLS_ROOTCAS: authority,
      ORDERER_GENERAL_CLUSTER_CLIENTCERTIFICATE: tls.certificate,
      ORDERER_GENERAL_CLUSTER_CLIENTPRIVATEKEY: tls.key,
      ORDERER_GENERAL_CLUSTER_ROOTCAS: authority,
      ORDERER_ADMIN_LISTENADDRESS: bound(own, ports.admin),
      ORDERER_ADMIN_TLS_CERTIFICATE: tls.certificate,
      ORDERER_ADMIN_TLS_PRIVATEKEY: tls.key,
      ORDERER_ADMIN_TLS_CLIENTROOTCAS: listOf({ file: "tls/operator-ca.crt" }),
      ORDERER_OPERATIONS_LISTENADDRESS: bound(own, ports.operations),
      ORDERER_FILELEDGER_LOCATION: data("ledger"),
      ORDERER_CONSENSUS_WALDIR: data("consensus/wal"),
      ORDERER_CONSENSUS_SNAPDIR: data("consensus/snap"),
    },
    probe: servesTls,
    ...stop,
  };
};

/** A peer. `seeds`: peers of the same organisation, `host:port`. */
export const toPeerProcess = (
  spec: ChainSpec,
  peer: { node: string; mspId: string; seeds: readonly string[]; ports: readonly BlueprintPort[] },
): ProcessSpec => ({
  name: "peer",
  program: { name: "peer", version: spec.version, image: `docker.io/hyperledger/fabric-peer:${spec.version}` },
  args: ["node", "start"],
  env: {
    ...logging,
    ...memoryLimit(spec),
    FABRIC_CFG_PATH: { directory: "config" },
    CORE_PEER_ID: peer.node,
    CORE_PEER_NETWORKID: spec.chainId,
    CORE_PEER_LOCALMSPID: peer.mspId,
    CORE_PEER_MSPCONFIGPATH: { directory: "msp" },
    CORE_PEER_LISTENADDRESS: bound(peer.ports, ports.grpc),
    CORE_PEER_ADDRESS: dialled(peer.ports, ports.grpc),
    CORE_PEER_CHAINCODELISTENADDRESS: bound(peer.ports, ports.chaincode),
    CORE_PEER_CHAINCODEADDRESS: dialled(peer.ports, ports.chaincode),
    CORE_PEER_GOSSIP_BOOTSTRAP: peer.seeds.join(" "),
    CORE_PEER_GOSSIP_ENDPOINT: dialled(peer.ports, ports.grpc),
    // Without it other organisations, and the gateway of other peers, never learn of this one.
    CORE_PEER_GOSSIP_EXTERNALENDPOINT: dialled(peer.ports, ports.grpc),
    CORE_PEER_TLS_CERT_FILE: { file: tlsFiles.certificate },
    CORE_PEER_TLS_KEY_FILE: { file: tlsFiles.key },
    CORE_PEER_TLS_ROOTCERT_FILE: { file: tlsFiles.authority },
    CORE_PEER_FILESYSTEMPATH: data("ledger"),
    CORE_LEDGER_SNAPSHOTS_ROOTDIR: data("snapshots"),
    CORE_OPERATIONS_LISTENADDRESS: bound(peer.ports, ports.operations),
    CORE_VM_ENDPOINT: "",
    // A list of objects, as YAML: the path is known to the runtime only.
    CORE_CHAINCODE_EXTERNALBUILDERS: ["[{name: ccaas, path: '", { directory: "builder" }, "'}]"],
  },
  probe: servesTls,
  ...stop,
});

/**
 * Chaincode as a service. Two conventions of the same facts: that of fabric-shim for Node (`CORE_…`) and that of
 * Fabric's samples for Go and Java (`CHAINCODE_…`).
 */
export const toChaincodeProcess = (
  program: ProgramSpec,
  packageId: string,
  own: readonly BlueprintPort[],
): ProcessSpec => ({
  name: "chaincode",
  program,
  args: [],
  env: {
    CORE_CHAINCODE_ID: packageId,
    CORE_CHAINCODE_ADDRESS: bound(own, ports.grpc),
    CORE_CHAINCODE_TLS_CERT_FILE: { file: tlsFiles.certificate },
    CORE_CHAINCODE_TLS_KEY_FILE: { file: tlsFiles.key },
    CHAINCODE_ID: packageId,
    CHAINCODE_SERVER_ADDRESS: bound(own, ports.grpc),
    CHAINCODE_TLS_DISABLED: "false",
    CHAINCODE_TLS_CERT: { file: tlsFiles.certificate },
    CHAINCODE_TLS_KEY: { file: tlsFiles.key },
  },
  probe: { ...servesTls, startupMs: 30_000 },
  after: [],
  stopSignal: "SIGTERM",
  stopGraceMs: 5_000,
});

/**
 * In the place of a chaincode server at the customer's own address. It counts as running whether or not anybody answers
 * there: that is the part's trouble, not the node's. `wayOut`: absent where the operator offers none.
 */
export const toRelayProcess = (
  relay: { address: string; hasRoot: boolean; wayOut?: { forwarderUrl: string; permit: string } },
  own: readonly BlueprintPort[],
): ProcessSpec => {
  const [grpc, operations] = [portOf(own, ports.grpc), portOf(own, ports.operations)];
  return {
    name: "chaincode-relay",
    program: { name: "node", version: "24", image: "docker.io/library/node:24-bookworm-slim" },
    args: [{ file: relayFiles.program }],
    env: {
      RELAY_ADDRESS: relay.address,
      ...(relay.hasRoot ? { RELAY_ROOT_FILE: { file: relayFiles.root } } : {}),
      ...(relay.wayOut === undefined
        ? {}
        : { RELAY_FORWARDER: relay.wayOut.forwarderUrl, RELAY_PERMIT: relay.wayOut.permit }),
      RELAY_HOST: grpc.bindHost,
      RELAY_PORT: String(grpc.bindNumber),
      RELAY_STATUS_HOST: operations.bindHost,
      RELAY_STATUS_PORT: String(operations.bindNumber),
      RELAY_CERTIFICATE_FILE: { file: tlsFiles.certificate },
      RELAY_KEY_FILE: { file: tlsFiles.key },
    },
    probe: {
      kind: "http",
      port: ports.operations,
      path: "/status",
      periodMs: 5_000,
      timeoutMs: 5_000,
      startupMs: 20_000,
    },
    after: [],
    stopSignal: "SIGTERM",
    stopGraceMs: 5_000,
  };
};
