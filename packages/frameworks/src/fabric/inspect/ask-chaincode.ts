import { type ChaincodeWish, chaincodeKey, isAsWished, wishedPackage } from "../chaincode-wish.ts";
import { askPeer } from "../client/endorser.ts";
import type { CallOptions } from "../client/grpc-clients.ts";
import { type Approved, approvedDefinition, type Committed, committedDefinition } from "../client/lifecycle.ts";
import type { Network } from "../client/network.ts";
import { Refusal } from "../client/refusal.ts";
import type { SeenChaincode } from "../facts.ts";
import { askPlan, planMark, planningPeers, unplannedPeers } from "./ask-plan.ts";
import type { LocalPeers } from "./local-peers.ts";

/** Answered by every chaincode of the contract API; any other answer of a chaincode serves as well. */
const metadataFunction = "org.hyperledger.fabric:GetMetadata";

export type Probe = { kind: "answered" } | { kind: "uninitialised" } | { kind: "silent"; problem: string };

/**
 * Whether a peer reaches a chaincode: it is called without anything being ordered, and whatever it says will do. What
 * the peer says itself, whichever words it takes, is no answer of a chaincode.
 */
export const probeChaincode = async (
  network: Pick<Network, "peer">,
  peer: string,
  wish: Pick<ChaincodeWish, "channel" | "name">,
  options: CallOptions,
): Promise<Probe> => {
  const call = { channelId: wish.channel, chaincode: wish.name, args: [metadataFunction] };
  try {
    await askPeer(await network.peer(peer), call, options);
    return { kind: "answered" };
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    if (error.message.includes("has not been initialized for this version")) return { kind: "uninitialised" };
    return error.isOfChaincode ? { kind: "answered" } : { kind: "silent", problem: error.message.slice(0, 500) };
  }
};

/** The sequence that the wish has or will have. */
export const wantedSequence = (wish: ChaincodeWish, committed: SeenChaincode["committed"]): number => {
  if (committed === null) return 1;
  return isAsWished(wish, committed) ? committed.sequence : committed.sequence + 1;
};

const isApprovedAsWished = (
  wish: ChaincodeWish,
  organisation: string,
  sequence: number,
  approved: SeenChaincode["approvals"][string] | undefined,
): boolean =>
  approved !== undefined &&
  approved.sequence === sequence &&
  isAsWished(wish, approved) &&
  approved.packageId === wishedPackage(wish, organisation);

/** Organisations that have yet to approve, of those given. */
export const missingApprovals = (
  wish: ChaincodeWish,
  seen: Pick<SeenChaincode, "committed" | "approvals">,
  organisations: readonly string[],
): string[] => {
  const sequence = wantedSequence(wish, seen.committed);
  return organisations.filter((name) => !isApprovedAsWished(wish, name, sequence, seen.approvals[name]));
};

/** Peers of those given to which the chaincode has not answered since it was last agreed upon. */
export const silentPeers = (seen: SeenChaincode, peers: readonly string[]): string[] =>
  peers.filter((peer) => seen.answered[peer] !== seen.committed?.sequence);

export const isCommitted = (wish: ChaincodeWish, seen: Pick<SeenChaincode, "committed">): boolean =>
  seen.committed !== null && isAsWished(wish, seen.committed);

export const hostingPeers = (wish: ChaincodeWish, peers: LocalPeers): string[] =>
  wish.hosts.flatMap((name) => peers[name] ?? []);

/** What was answered was answered by a server at another address. */
export const isElsewhere = (wish: { address?: string }, seen: SeenChaincode | undefined): boolean =>
  seen?.address !== undefined && wish.address !== undefined && seen.address !== wish.address;

/** Nothing is left to be done for it in the region, as far as was seen. */
export const isComplete = (wish: ChaincodeWish, seen: SeenChaincode, peers: LocalPeers): boolean =>
  isCommitted(wish, seen) &&
  !isElsewhere(wish, seen) &&
  missingApprovals(wish, seen, Object.keys(peers)).length === 0 &&
  silentPeers(seen, hostingPeers(wish, peers)).length === 0 &&
  unplannedPeers(wish, seen, planningPeers(wish, peers)).length === 0 &&
  seen.isInitialised !== false;

const toSeenDefinition = ({ name, version, sequence, policy, isInitRequired, packageId }: Approved) => ({
  name,
  version,
  sequence,
  policy,
  isInitRequired,
  packageId,
});

const toCommitted = ({ name, version, sequence, policy, isInitRequired }: Committed) => ({
  name,
  version,
  sequence,
  policy,
  isInitRequired,
});

/** All that are on the channel, as the peer that was asked knows it. */
const isApprovedByAll = (network: Pick<Network, "organisation">, wish: ChaincodeWish, found: Committed): boolean =>
  wish.organisations.every((name) => found.approvals[network.organisation(name).mspId] === true);

/** Notes which of the region's peers know who endorses it; those that can't be asked are asked with the next look. */
const notePlans = async (
  network: Pick<Network, "peer">,
  wish: ChaincodeWish,
  seen: SeenChaincode,
  { peers, ...options }: CallOptions & { peers: LocalPeers },
): Promise<void> => {
  const missing = unplannedPeers(wish, seen, planningPeers(wish, peers));
  const one = async (peer: string): Promise<void> => {
    try {
      const plan = await askPlan(network, peer, wish, options);
      if (plan.kind === "planned") seen.planned[peer] = planMark(wish, seen);
    } catch {
      // What else was found is not lost by it.
    }
  };
  await Promise.all(missing.map(one));
};

/** Asks the region's peers what they know of a chaincode. Throws `Refusal` where the channel's peers don't answer. */
export const askChaincode = async (
  network: Network,
  wish: ChaincodeWish,
  peers: LocalPeers,
  context: CallOptions & { former: SeenChaincode | undefined; now: Date },
): Promise<SeenChaincode> => {
  const options = { timeoutMs: context.timeoutMs, signal: context.signal };
  const first = Object.values(peers).flat()[0];
  if (first === undefined) throw new Refusal(`no peer of the region knows ${chaincodeKey(wish)}`, "UNAVAILABLE", true);
  const found = await committedDefinition(await network.peer(first), wish.channel, wish.name, options);
  const committed = found === null ? null : toCommitted(found);
  const sequence = wantedSequence(wish, committed);
  const approvals: SeenChaincode["approvals"] = {};
  const askApproval = async ([organisation, [peer]]: [string, readonly string[]]): Promise<void> => {
    if (peer === undefined) return;
    const approved = await approvedDefinition(await network.peer(peer), wish.channel, wish.name, sequence, options);
    if (approved !== null) approvals[organisation] = toSeenDefinition(approved);
  };
  await Promise.all(Object.entries(peers).map(askApproval));
  const seen: SeenChaincode = {
    at: context.now.toISOString(),
    committed,
    approvals,
    address: wish.address,
    answered: isElsewhere(wish, context.former) ? {} : { ...context.former?.answered },
    planned: { ...context.former?.planned },
    isInitialised: null,
  };
  if (!isCommitted(wish, seen) || found === null || committed === null) return seen;
  const probe = async (peer: string): Promise<void> => {
    const answer = await probeChaincode(network, peer, wish, options);
    if (answer.kind === "silent") seen.problem = answer.problem;
    else if (answer.kind === "uninitialised") seen.isInitialised = false;
    else seen.answered[peer] = committed.sequence;
  };
  await Promise.all([
    ...silentPeers(seen, hostingPeers(wish, peers)).map(probe),
    ...(isApprovedByAll(network, wish, found) ? [notePlans(network, wish, seen, { ...options, peers })] : []),
  ]);
  const hasAnswered = Object.values(seen.answered).includes(committed.sequence);
  if (seen.isInitialised === null && (!wish.isInitRequired || hasAnswered)) seen.isInitialised = true;
  return seen;
};
