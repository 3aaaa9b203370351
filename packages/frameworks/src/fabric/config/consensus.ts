import { common, msp, orderer } from "@hyperledger/fabric-protos";
import type { BatchDescription, ConsenterDescription } from "./description.ts";
import { serializedIdentity } from "./envelope.ts";
import { toOutOf, toSignaturePolicy } from "./policy.ts";

const utf8 = new TextEncoder();

/** Raft with a tick of 100 ms: a lost leader is a gap of some 4 s (11 s with Fabric's sample of 500 ms). */
const raftOptions = (): orderer.etcdraft.Options => {
  const options = new orderer.etcdraft.Options();
  options.setTickInterval("100ms");
  options.setElectionTick(10);
  options.setHeartbeatTick(1);
  options.setMaxInflightBlocks(5);
  options.setSnapshotIntervalSize(16 * 1_048_576);
  return options;
};

/** One consenter in Raft's metadata; a node uses one certificate on both sides of TLS. */
export const toRaftConsenter = (consenter: ConsenterDescription): orderer.etcdraft.Consenter => {
  const message = new orderer.etcdraft.Consenter();
  message.setHost(consenter.host);
  message.setPort(consenter.port);
  message.setClientTlsCert(utf8.encode(consenter.tlsPem));
  message.setServerTlsCert(utf8.encode(consenter.tlsPem));
  return message;
};

/** `etcdraft.ConfigMetadata`. */
export const toRaftMetadata = (consenters: readonly ConsenterDescription[]): Uint8Array => {
  const metadata = new orderer.etcdraft.ConfigMetadata();
  metadata.setConsentersList(consenters.map(toRaftConsenter));
  metadata.setOptions(raftOptions());
  return metadata.serializeBinary();
};

/**
 * `smartbft.Options`: a killed leader is replaced within some 5 s. A request that waits for its batch must not look
 * like one that the leader withholds, so long batch timeouts lengthen the others.
 */
export const toBftOptions = (batch: Pick<BatchDescription, "timeoutMs">): Uint8Array => {
  const forward = Math.max(1_000, 2 * batch.timeoutMs);
  const complain = Math.max(4_000, 2 * forward);
  const options = new orderer.smartbft.Options();
  options.setRequestBatchMaxInterval(`${batch.timeoutMs}ms`);
  options.setIncomingMessageBufferSize(200);
  // Can't be changed on a live channel, and 400 (the library's own) is soon full.
  options.setRequestPoolSize(10_000);
  options.setRequestForwardTimeout(`${forward}ms`);
  options.setRequestComplainTimeout(`${complain}ms`);
  options.setRequestAutoRemoveTimeout(`${Math.max(180_000, 2 * complain)}ms`);
  options.setViewChangeResendInterval("2s");
  options.setViewChangeTimeout("5s");
  options.setLeaderHeartbeatTimeout("5s");
  options.setLeaderHeartbeatCount(10);
  options.setCollectTimeout("1s");
  options.setLeaderRotation(orderer.smartbft.Options.Rotation.ROTATION_OFF);
  return options.serializeBinary();
};

/** One consenter in BFT's mapping. */
export const toBftConsenter = (consenter: ConsenterDescription): common.Consenter => {
  const message = new common.Consenter();
  message.setId(consenter.id);
  message.setHost(consenter.host);
  message.setPort(consenter.port);
  message.setMspId(consenter.mspId);
  message.setIdentity(utf8.encode(consenter.identityPem));
  message.setClientTlsCert(utf8.encode(consenter.tlsPem));
  message.setServerTlsCert(utf8.encode(consenter.tlsPem));
  return message;
};

/** `common.Orderers`. */
export const toConsenterMapping = (consenters: readonly common.Consenter[]): Uint8Array => {
  const mapping = new common.Orderers();
  mapping.setConsenterMappingList([...consenters]);
  return mapping.serializeBinary();
};

/** Signatures that a BFT block needs: ceil((n + f + 1) / 2) with f = (n - 1) / 3 (F:common/policies/bft.go). */
export const bftQuorum = (count: number): number => Math.ceil((count + Math.floor((count - 1) / 3) + 1) / 2);

/** BFT's `BlockValidation`: a quorum of exactly these identities. */
export const toBlockValidation = (consenters: readonly common.Consenter[]): common.Policy => {
  const principals = consenters.map((consenter) => {
    const principal = new msp.MSPPrincipal();
    principal.setPrincipalClassification(msp.MSPPrincipal.Classification.IDENTITY);
    const pem = new TextDecoder().decode(consenter.getIdentity_asU8());
    principal.setPrincipal(serializedIdentity(consenter.getMspId(), pem));
    return principal;
  });
  const rules = consenters.map((_, index) => {
    const rule = new common.SignaturePolicy();
    rule.setSignedBy(index);
    return rule;
  });
  return toSignaturePolicy(toOutOf(bftQuorum(consenters.length), rules), principals);
};
