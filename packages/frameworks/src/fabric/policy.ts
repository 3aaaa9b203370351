import { common, gateway, peer } from "@hyperledger/fabric-protos";
import { evaluatedSku, type MethodVerdict, type RpcPolicy, submittedSku } from "@portolan/domain";
import type { GrpcRules } from "../framework.ts";
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

/** Chaincodes of the peers themselves: with them an administrator could change the network behind the plane's back. */
const systemChaincodes = ["_lifecycle", "cscc", "lscc", "escc", "vscc"] as const;
const marks = systemChaincodes.map((name) => Buffer.from(name));

/** What the endorser runs is what the header names, where the gateway looks for endorsers is what the invocation names. */
const chaincodesOf = (method: string, message: Uint8Array): string[] => {
  const request =
    method === "gateway.Gateway/Evaluate"
      ? gateway.EvaluateRequest.deserializeBinary(message)
      : gateway.EndorseRequest.deserializeBinary(message);
  const bytes = request.getProposedTransaction()?.getProposalBytes_asU8() ?? new Uint8Array();
  const proposal = peer.Proposal.deserializeBinary(bytes);
  const header = common.Header.deserializeBinary(proposal.getHeader_asU8());
  const channel = common.ChannelHeader.deserializeBinary(header.getChannelHeader_asU8());
  const extension = peer.ChaincodeHeaderExtension.deserializeBinary(channel.getExtension_asU8());
  const payload = peer.ChaincodeProposalPayload.deserializeBinary(proposal.getPayload_asU8());
  const invocation = peer.ChaincodeInvocationSpec.deserializeBinary(payload.getInput_asU8());
  const named = [extension.getChaincodeId(), invocation.getChaincodeSpec()?.getChaincodeId()];
  return named.map((id) => id?.getName() ?? "");
};

const checkMessage = (method: string, message: Uint8Array): string | null => {
  if (method !== "gateway.Gateway/Evaluate" && method !== "gateway.Gateway/Endorse") return null;
  const bytes = Buffer.from(message.buffer, message.byteOffset, message.byteLength);
  // Names stand in the message as they are, so that only what could be meant is decoded.
  if (!marks.some((mark) => bytes.includes(mark))) return null;
  try {
    const names = chaincodesOf(method, message);
    const found = systemChaincodes.find((system) => names.includes(system));
    return found === undefined ? null : `${found} is the plane's to call`;
  } catch {
    return "the proposal can't be read";
  }
};

export const fabricGrpcRules: GrpcRules = {
  check: checkMessage,
  isStream: (method) => grpcRules[method]?.isStream === true,
  maxAnswerBytes: 64 * mebibyte,
  rootsFact: "grpc.ca",
  /** An organisation's peers: `org1.<chain>.<domain>`. */
  selects: (label, { node }) => {
    const head = peerName(label, 0).slice(0, -1);
    return node.startsWith(head) && /^[0-9]+$/.test(node.slice(head.length));
  },
};
