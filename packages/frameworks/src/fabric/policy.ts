import { evaluatedSku, type MethodVerdict, type RpcPolicy, submittedSku } from "@portolan/domain";
import type { GrpcRules } from "../framework.ts";
import { refuseCall } from "./application-calls.ts";
import { peerName } from "./topology.ts";

interface Rule {
  /** Integer tenths of a compute unit; of a stream: of each message that it answers. */
  weight: number;
  isWrite?: boolean;
  /** Sold one by one. */
  sku?: string;
  isStream?: true;
}

type Rules = { readonly [method: string]: Rule };

/**
 * All that applications may call on a peer. Never the endorser itself (it would reach `cscc`, `_lifecycle`, …), never
 * snapshots, private data of others, or an orderer.
 */
const grpcRules: Rules = {
  "gateway.Gateway/Evaluate": { weight: 30, sku: evaluatedSku },
  "gateway.Gateway/Endorse": { weight: 50 },
  "gateway.Gateway/Submit": { weight: 50, isWrite: true, sku: submittedSku },
  "gateway.Gateway/CommitStatus": { weight: 10 },
  "gateway.Gateway/ChaincodeEvents": { weight: 5, isStream: true },
  "protos.Deliver/DeliverFiltered": { weight: 5, isStream: true },
};

/** The routes of REST, by their names; what one costs is what it asks of the peers. */
const restRules: Rules = {
  "transactions.evaluate": { weight: 30, sku: evaluatedSku },
  "transactions.submit": { weight: 110, isWrite: true, sku: submittedSku },
  "transactions.prepare": { weight: 5 },
  "transactions.endorse": { weight: 50 },
  "transactions.send": { weight: 60, isWrite: true, sku: submittedSku },
  "transactions.status": { weight: 20 },
  "transactions.content": { weight: 30 },
  "blocks.height": { weight: 20 },
  "blocks.read": { weight: 50 },
  "events.stream": { weight: 5, isStream: true },
};

const deniedServices: readonly { pattern: RegExp; reason: string }[] = [
  { pattern: /^protos\.Endorser\//, reason: "proposals go through gateway.Gateway" },
  { pattern: /^protos\.Snapshot\//, reason: "snapshots are the plane's work" },
  { pattern: /^protos\.Deliver\//, reason: "only filtered blocks are delivered" },
  { pattern: /^(?:orderer|etcdraft)\./, reason: "orderers are reached through gateway.Gateway/Submit" },
  { pattern: /^discovery\./, reason: "the peers' gateway chooses endorsers" },
];

const toVerdict = (rules: Rules, method: string): MethodVerdict => {
  const rule = Object.hasOwn(rules, method) ? rules[method] : undefined;
  if (rule === undefined) {
    const reason = deniedServices.find(({ pattern }) => pattern.test(method))?.reason ?? "the method is not known";
    return { kind: "deny", reason };
  }
  const { weight, isWrite = false, sku } = rule;
  return { kind: "forward", weight, isWrite, scope: "rpc", ...(sku === undefined ? {} : { sku }) };
};

const mebibyte = 1_048_576;

const toPolicy = (rules: Rules, maxBodyBytes: number): RpcPolicy => ({
  verdict: (method) => toVerdict(rules, method),
  check: () => null,
  readsParams: () => false,
  surcharge: () => 0,
  maxBatch: 0,
  maxBodyBytes,
  timeoutMs: 120_000,
});

/** Methods of a peer that applications call over gRPC. A transaction must fit into a block, whose default size this is. */
export const fabricGrpcPolicy: RpcPolicy = toPolicy(grpcRules, 10 * mebibyte);

/** Routes that `access/rest.ts` has. Bodies are JSON in memory: larger transactions go over gRPC. */
export const fabricRestPolicy: RpcPolicy = toPolicy(restRules, 2 * mebibyte);

export const fabricGrpcRules: GrpcRules = {
  check: refuseCall,
  isStream: (method) => grpcRules[method]?.isStream === true,
  maxAnswerBytes: 64 * mebibyte,
  rootsFact: "grpc.ca",
  /** An organisation's peers: `org1.<chain>.<domain>`. */
  selects: (label, { node }) => {
    const head = peerName(label, 0).slice(0, -1);
    return node.startsWith(head) && /^[0-9]+$/.test(node.slice(head.length));
  },
};
