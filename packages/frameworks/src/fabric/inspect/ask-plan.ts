import type { ChaincodeWish } from "../chaincode-wish.ts";
import { askForPlan, type EndorsementPlan, toPlanQuestion } from "../client/discovery.ts";
import type { CallOptions } from "../client/grpc-clients.ts";
import type { Network } from "../client/network.ts";
import type { SeenChaincode } from "../facts.ts";
import type { LocalPeers } from "./local-peers.ts";

/** What there is to be known of who endorses: with another sequence or other organisations it is asked again. */
export const planMark = (
  { hosts, planners }: Pick<ChaincodeWish, "hosts" | "planners">,
  { committed }: Pick<SeenChaincode, "committed">,
): string => `${committed?.sequence ?? 0} ${hosts.join(",")} ${planners.join(",")}`;

/** Peers of those given that have not known yet who endorses it. */
export const unplannedPeers = (
  wish: Pick<ChaincodeWish, "hosts" | "planners">,
  seen: Pick<SeenChaincode, "committed" | "planned">,
  peers: readonly string[],
): string[] => peers.filter((peer) => seen.planned[peer] !== planMark(wish, seen));

/** Peers of the region at which applications call it. */
export const planningPeers = (wish: Pick<ChaincodeWish, "planners">, peers: LocalPeers): string[] =>
  wish.planners.flatMap((name) => peers[name] ?? []);

/**
 * Whether the gateway of a peer could tell who endorses it. Worth asking only when all organisations have approved it: a
 * channel that is still without one of them needs fewer of them, and its peers would say yes too soon. Throws `Refusal`.
 */
export const askPlan = async (
  network: Pick<Network, "peer">,
  peer: string,
  wish: Pick<ChaincodeWish, "channel" | "name">,
  options: CallOptions,
): Promise<EndorsementPlan> => {
  const session = await network.peer(peer);
  return askForPlan(session, await toPlanQuestion(session, wish), options);
};
