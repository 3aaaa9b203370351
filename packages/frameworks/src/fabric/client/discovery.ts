import { discovery, peer } from "@hyperledger/fabric-protos";
import { serializedIdentity } from "../config/envelope.ts";
import { toLowS } from "../crypto/index.ts";
import type { PeerSession } from "./endorser.ts";
import type { CallOptions } from "./grpc-clients.ts";

/** Whether a peer's gateway could tell who endorses a call now, or what it says is in the way. */
export type EndorsementPlan = { kind: "planned" } | { kind: "waiting"; problem: string };

/** A question that may be asked again as it is: nothing in it is of one time only. */
export type PlanQuestion = discovery.SignedRequest;

/**
 * Asks who endorses a chaincode's calls, by its own policy. Peers don't ask callers for certificates of TLS, so none is
 * named here (F:discovery/service.go, validateStructure).
 */
export const toPlanQuestion = async (
  session: Pick<PeerSession, "identity" | "sign">,
  { channel, name }: { channel: string; name: string },
): Promise<PlanQuestion> => {
  const call = new peer.ChaincodeCall();
  call.setName(name);
  const interest = new peer.ChaincodeInterest();
  interest.setChaincodesList([call]);
  const chaincodes = new discovery.ChaincodeQuery();
  chaincodes.setInterestsList([interest]);
  const query = new discovery.Query();
  query.setChannel(channel);
  query.setCcQuery(chaincodes);
  const authentication = new discovery.AuthInfo();
  authentication.setClientIdentity(serializedIdentity(session.identity.mspId, session.identity.pem));
  const request = new discovery.Request();
  request.setAuthentication(authentication);
  request.setQueriesList([query]);
  const payload = request.serializeBinary();
  const signed = new discovery.SignedRequest();
  signed.setPayload(payload);
  signed.setSignature(toLowS(await session.sign(payload)));
  return signed;
};

const waiting = (problem: string): EndorsementPlan => ({ kind: "waiting", problem: problem.slice(0, 500) });

/** Reads the answer to one question. A peer gives no layout that it does not know enough peers for. Pure. */
export const readPlan = (answer: discovery.Response): EndorsementPlan => {
  const [result] = answer.getResultsList();
  const problem = result?.getError()?.getContent();
  if (problem !== undefined) return waiting(problem);
  const [descriptor] = result?.getCcQueryRes()?.getContentList() ?? [];
  if (descriptor === undefined) return waiting("there was no plan in the answer");
  return descriptor.getLayoutsList().length > 0 ? { kind: "planned" } : waiting("it knows too few peers");
};

/** What the peer has heard of the others so far is what its gateway goes by, too. Throws `Refusal`. */
export const askForPlan = async (
  { clients, target }: Pick<PeerSession, "clients" | "target">,
  question: PlanQuestion,
  options: CallOptions,
): Promise<EndorsementPlan> =>
  readPlan(await clients.call(target, discovery.DiscoveryService.discover, question, options));
