import type { NodeSpec } from "@portolan/domain";
import { z } from "zod";
import type { NetworkAccess } from "../../framework.ts";
import { addressShape, askNode, type Call, numberOf, resultOf, type Said } from "../node-rpc.ts";
import { roles } from "../topology.ts";

/** What only a validator is asked: the others don't open these names. */
export interface ValidatorFindings {
  /** Addresses in force at the node's head. */
  inForce: string[];
  /** Address → the last block that it proposed; absent: the node does not say. */
  proposed?: { [address: string]: number };
  /** Address → the vote that the node would cast; absent: the node does not say. */
  pending?: { [address: string]: boolean };
  /** Enode keys of the nodes that it is connected to; absent: the node does not say. */
  connected?: string[];
}

export interface NodeFindings {
  chainId: string;
  genesisHash: string;
  head: { height: number; timestampMs: number };
  isSyncing: boolean;
  peers: number;
  validator?: ValidatorFindings;
}

export type Look = { isAnswering: true; findings: NodeFindings } | { isAnswering: false; reason: string };

const block = z.object({ number: z.string(), hash: z.string(), timestamp: z.string() });
const metrics = z.array(z.object({ address: addressShape, lastProposedBlockNumber: z.string() }));
const connections = z.array(z.object({ enode: z.string() }));
/** Another answer would be a whole new table of addresses; nobody has as many. */
const maxAddresses = 1_000;

const everyNode: readonly Call[] = [
  { method: "eth_chainId" },
  { method: "eth_getBlockByNumber", params: ["0x0", false] },
  { method: "eth_getBlockByNumber", params: ["latest", false] },
  { method: "eth_syncing" },
  { method: "net_peerCount" },
];

const everyValidator: readonly Call[] = [
  { method: "qbft_getValidatorsByBlockNumber", params: ["latest"] },
  { method: "qbft_getSignerMetrics" },
  { method: "qbft_getPendingVotes" },
  { method: "admin_peers" },
];

const optional = <Value>(said: Said | undefined, read: (result: unknown) => Value): Value | undefined => {
  if (said === undefined || "error" in said) return undefined;
  try {
    return read(said.result);
  } catch {
    return undefined;
  }
};

const lowerKeys = (votes: { [address: string]: boolean }): { [address: string]: boolean } =>
  Object.fromEntries(Object.entries(votes).map(([address, vote]) => [address.toLowerCase(), vote]));

/** Votes that a node would cast, as `qbft_getPendingVotes` says them. */
export const toPending = (result: unknown): { [address: string]: boolean } =>
  lowerKeys(z.record(z.string(), z.boolean()).parse(result ?? {}));

/** Addresses in force, ascending, as `qbft_getValidatorsByBlockNumber` says them. */
export const toInForce = (result: unknown): string[] => z.array(addressShape).max(maxAddresses).parse(result).sort();

/** Enode keys of the nodes that one is connected to, as `admin_peers` says them. */
export const toConnected = (result: unknown): string[] =>
  connections
    .parse(result)
    .flatMap(({ enode }) => /^enode:\/\/([0-9a-fA-F]{128})@/.exec(enode)?.[1]?.toLowerCase() ?? []);

const toValidator = (said: readonly Said[]): ValidatorFindings => {
  const [inForce, proposed, pending, connected] = said;
  const found: ValidatorFindings = { inForce: toInForce(resultOf(inForce)) };
  const known = {
    proposed: optional(proposed, (result) =>
      Object.fromEntries(
        metrics
          .parse(result)
          .map(({ address, lastProposedBlockNumber }) => [address, numberOf(lastProposedBlockNumber)]),
      ),
    ),
    pending: optional(pending, toPending),
    connected: optional(connected, toConnected),
  };
  if (known.proposed !== undefined) found.proposed = known.proposed;
  if (known.pending !== undefined) found.pending = known.pending;
  if (known.connected !== undefined) found.connected = known.connected;
  return found;
};

const toFindings = (said: readonly Said[], isValidator: boolean): NodeFindings => {
  const [chainId, genesis, latest, syncing, peers] = said;
  const head = block.parse(resultOf(latest));
  const found: NodeFindings = {
    chainId: String(numberOf(resultOf(chainId))),
    genesisHash: block.parse(resultOf(genesis)).hash,
    head: { height: numberOf(head.number), timestampMs: numberOf(head.timestamp) * 1_000 },
    isSyncing: resultOf(syncing) !== false,
    peers: numberOf(resultOf(peers)),
  };
  return isValidator ? { ...found, validator: toValidator(said.slice(everyNode.length)) } : found;
};

const toReason = (error: unknown): string => {
  const code = error instanceof Error && "code" in error ? String(error.code) : "";
  if (code === "ECONNREFUSED") return "not answering yet";
  return error instanceof Error && code === ""
    ? `no usable answer: ${error.message.slice(0, 200)}`
    : `no usable answer (${code})`;
};

/** Asks one node for what it knows. Never throws: a node that is dead costs its own health only. */
export const lookAtNode = async (access: NetworkAccess, { name, role }: NodeSpec): Promise<Look> => {
  const seen = access.observations.find(({ node }) => node === name);
  if (seen !== undefined && seen.state !== "running" && seen.state !== "starting")
    return { isAnswering: false, reason: "not running" };
  const isValidator = role === roles.validator;
  const calls = isValidator ? [...everyNode, ...everyValidator] : everyNode;
  try {
    const said = await askNode(access, name, calls, { signal: access.signal });
    return { isAnswering: true, findings: toFindings(said, isValidator) };
  } catch (error) {
    return { isAnswering: false, reason: toReason(error) };
  }
};
