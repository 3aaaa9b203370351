import type { EdgeKey, EdgeRoute } from "@portolan/contract";
import type { RpcPolicy } from "@portolan/domain";
import type { FrameworkTable, GatewaySettings } from "../src/index.ts";
import { type FakeGrpcNode, makeNodeCertificate, startFakeGrpcNode } from "./fake-grpc-node.ts";
import { callUnary, connectGrpc } from "./grpc-client.ts";
import { startGateway } from "./harness.ts";

const weights: { readonly [method: string]: number } = {
  Echo: 30,
  Fail: 10,
  Slow: 10,
  Never: 10,
  Large: 10,
  Huge: 10,
  Die: 10,
  Refuse: 10,
  Down: 10,
  Count: 5,
  Flood: 1,
  Chat: 2,
};

const policy: RpcPolicy = {
  verdict: (method) => {
    const name = method.replace(/^test\.Fake\//, "");
    const weight = Object.hasOwn(weights, name) ? weights[name] : undefined;
    if (weight === undefined) return { kind: "deny", reason: "the method is not known" };
    const sku = name === "Echo" ? { sku: "transaction.evaluated" } : {};
    return { kind: "forward", weight, isWrite: false, scope: "rpc", ...sku };
  },
  check: () => null,
  readsParams: () => false,
  surcharge: () => 0,
  maxBatch: 0,
  maxBodyBytes: 256 * 1024,
  timeoutMs: 30_000,
};

export const grpcFrameworks: FrameworkTable = {
  protocols: () => [
    {
      name: "grpc",
      role: "peer",
      port: "grpc",
      policy,
      grpc: {
        isStream: (method) => /\/(?:Count|Flood|Chat)$/.test(method),
        maxAnswerBytes: 4 * 1024 * 1024,
        rootsFact: "grpc.ca",
        selects: (label, { node }) => node.startsWith(`peer-${label}-`),
      },
    },
  ],
};

/** A gateway with its gRPC listener, and `nodes` scripted nodes behind it. */
export const startGrpc = async (
  over: {
    nodes?: number;
    key?: Partial<EdgeKey>;
    route?: Partial<EdgeRoute>;
    settings?: Partial<GatewaySettings>;
    bounds?: NonNullable<GatewaySettings["grpc"]>["bounds"];
  } = {},
) => {
  const certificate = await makeNodeCertificate();
  const nodes: FakeGrpcNode[] = [];
  for (let index = 0; index < (over.nodes ?? 1); index++) nodes.push(await startFakeGrpcNode(certificate));
  const targets = nodes.map(({ port }, index) => ({
    region: "local",
    node: `peer-org${index + 1}-0`,
    port: "grpc",
    via: { kind: "address" as const, host: "127.0.0.1", port },
  }));
  const gateway = await startGateway({
    frameworks: grpcFrameworks,
    route: { targets: { grpc: targets }, facts: { "grpc.ca": certificate.ca }, ...over.route },
    ...(over.key === undefined ? {} : { key: over.key }),
    settings: {
      drainMs: 500,
      ...over.settings,
      grpc: { port: 0, domain: "chains.localhost", ...(over.bounds === undefined ? {} : { bounds: over.bounds }) },
    },
  });
  const port = gateway.grpcPort ?? 0;
  const ca = await (await fetch(`${gateway.url}/tls/ca.pem`)).text();
  const session = connectGrpc(port, "chn-1.chains.localhost", ca);
  const key = { "x-api-key": gateway.secret };
  return {
    ...gateway,
    certificate,
    nodes,
    targets,
    grpc: { port, ca, session, key },
    unary: (method: string, message: Uint8Array = Buffer.from("hello"), headers: { [name: string]: string } = key) =>
      callUnary(session, method, message, headers),
    close: async () => {
      session.destroy();
      await gateway.close();
      for (const node of nodes) await node.kill();
    },
  };
};
