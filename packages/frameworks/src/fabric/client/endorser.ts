import { randomBytes } from "node:crypto";
import { peer } from "@hyperledger/fabric-protos";
import { type FabricIdentity, type SignBytes, toSignedProposal } from "../config/envelope.ts";
import type { CallOptions, GrpcClients, GrpcTarget } from "./grpc-clients.ts";
import { Refusal } from "./refusal.ts";

/** A peer, and the administrator in whose name it is asked. */
export interface PeerSession {
  clients: GrpcClients;
  target: GrpcTarget;
  identity: FabricIdentity;
  sign: SignBytes;
}

export interface ChaincodeCall {
  /** Empty for what concerns no channel. */
  channelId: string;
  chaincode: string;
  args: readonly (Uint8Array | string)[];
  isInit?: boolean;
}

/** Signs the call as a proposal, with a nonce of its own. */
export const toProposal = (session: Pick<PeerSession, "identity" | "sign">, call: ChaincodeCall) =>
  toSignedProposal({
    ...call,
    identity: session.identity,
    sign: session.sign,
    nonce: randomBytes(24),
    at: new Date(),
  });

/**
 * The status of whatever a peer has to say for itself (core/endorser/endorser.go). A chaincode may use it too; then what
 * it was asked comes back with its answer.
 */
const nodesOwn = 500;

/**
 * Has one peer simulate a call; nothing is ordered. Returns what the chaincode answered. Throws `Refusal` with the
 * peer's message, or the chaincode's own where that said no.
 */
export const askPeer = async (session: PeerSession, call: ChaincodeCall, options: CallOptions): Promise<Uint8Array> => {
  const { proposal } = await toProposal(session, call);
  const { clients, target } = session;
  const answer = await clients.call(target, peer.EndorserService.processProposal, proposal, options);
  const response = answer.getResponse();
  const status = response?.getStatus() ?? 0;
  if (response === undefined || status < 200 || status >= 400) {
    const isOfChaincode = status >= 400 && (status !== nodesOwn || answer.getPayload_asU8().length > 0);
    throw new Refusal(response?.getMessage() ?? "there was no answer", String(status), false, isOfChaincode);
  }
  return response.getPayload_asU8();
};

/** Joins a channel by its block 0. A peer that has the channel already is fine. */
export const joinPeer = async (session: PeerSession, genesis: Uint8Array, options: CallOptions): Promise<void> => {
  try {
    await askPeer(session, { channelId: "", chaincode: "cscc", args: ["JoinChain", genesis] }, options);
  } catch (error) {
    if (error instanceof Refusal && /already exists|already opened/.test(error.message)) return;
    throw error;
  }
};
