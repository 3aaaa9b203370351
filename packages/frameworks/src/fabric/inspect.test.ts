import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import type { ChainView, JsonObject } from "@portolan/domain";
import { afterEach, beforeEach, expect, test } from "vitest";
import { createKeeper, part, reserve, start, toSpec } from "../../test/fabric-material.ts";
import type { InspectInput } from "../framework.ts";
import { channelsOfNode, factsName, factsOfRegion } from "./facts.ts";
import { inspect } from "./inspect.ts";
import { inspection } from "./inspection.ts";
import { topology } from "./topology.ts";

const spec = toSpec({ orderers: 1, organisations: [{ name: "org1" }] }, [part("channel", "main", {})]);
const metrics = `ledger_blockchain_height{channel="main"} 8
ledger_transaction_count{channel="main",transaction_type="CONFIG",chaincode="unknown",validation_code="VALID"} 1
participation_status{channel="main"} 1
participation_consensus_relation{channel="main"} 1
consensus_etcdraft_is_leader{channel="main"} 1
consensus_etcdraft_cluster_size{channel="main"} 1
`;

let server: Server;
let port = 0;
let status = 200;

beforeEach(async () => {
  status = 200;
  server = createServer((_request, response) => response.writeHead(status).end(metrics));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  port = (server.address() as AddressInfo).port;
});
afterEach(() => {
  server.closeAllConnections();
  server.close();
});

const look = async (more: Partial<InspectInput["access"]> = {}, previous: ChainView | null = null) => {
  const keeper = createKeeper();
  await keeper.pass(spec);
  let signed = 0;
  const view = await inspect({
    chain: {
      chainId: spec.chainId,
      framework: "fabric",
      version: spec.version,
      settings: spec.settings,
      inspection: inspection(spec, keeper.items(), reserve(spec)),
    },
    nodes: topology(spec),
    previous,
    access: {
      region: "here",
      // Metrics are served; nothing listens for gRPC.
      dial: async (_node, name) => ({ host: "127.0.0.1", port: name === "operations" ? port : 1 }),
      observations: topology(spec).map(({ name }) => ({ node: name, state: "running", incarnation: 1 })),
      signal: AbortSignal.timeout(20_000),
      now: start,
      ...more,
    },
    signer: {
      createKey: keeper.signer.createKey,
      sign: async (ref, data) => {
        signed += 1;
        return keeper.signer.sign(ref, data);
      },
    },
  });
  return { view, signed };
};

test("a node whose metrics are well is not, while its gRPC port does not answer; what it has is known", async () => {
  const { view, signed } = await look();
  expect(view.nodes["peer-org1-0"]).toMatchObject({
    healthy: false,
    reason: "its gRPC port does not answer",
    height: "8",
  });
  expect(channelsOfNode(view, "peer-org1-0")).toEqual({ main: { height: 8 } });
  expect(channelsOfNode(view, "orderer-0")["main"]).toEqual({
    height: 8,
    status: "active",
    relation: "consenter",
    isLeader: true,
    hasLeader: true,
    clusterSize: 1,
  });
  // Only for the orderers' listener, whose certificate is kept for an hour.
  expect(signed).toBeLessThanOrEqual(1);
});

test("nodes that can't be reached cost their health, not what is known of them", async () => {
  const { view: former } = await look();
  const facts: JsonObject = {
    ...former.facts,
    [factsName("here")]: {
      configs: {},
      installed: { "peer-org1-0": { at: start.toISOString(), incarnation: 1, packages: ["a:b"] } },
      chaincodes: {},
    },
  };
  status = 500;
  const dial = async (node: string): Promise<never> => {
    throw new Error(`no way to ${node}`);
  };
  for (const more of [
    {},
    { dial },
    { observations: topology(spec).map(({ name }) => ({ node: name, state: "failed" as const, incarnation: 1 })) },
  ]) {
    const { view } = await look(more, { ...former, facts });
    expect(Object.values(view.nodes).map(({ healthy }) => healthy)).toEqual([false, false]);
    expect(Object.values(view.nodes).every(({ reason }) => (reason ?? "") !== "")).toBe(true);
    expect(channelsOfNode(view, "peer-org1-0")).toEqual({ main: { height: 8 } });
    expect(factsOfRegion(view, "here").installed["peer-org1-0"]?.packages).toEqual(["a:b"]);
  }
});

test("an order without certificates is no failure", async () => {
  const view = await inspect({
    chain: { chainId: spec.chainId, framework: "fabric", version: spec.version, settings: spec.settings },
    nodes: topology(spec),
    previous: null,
    access: {
      region: "here",
      dial: async () => ({ host: "127.0.0.1", port: 1 }),
      observations: [],
      signal: AbortSignal.timeout(1_000),
      now: start,
    },
    signer: createKeeper().signer,
  });
  expect(view.nodes["orderer-0"]).toEqual({ healthy: false, reason: "waiting for the network's certificates" });
});
