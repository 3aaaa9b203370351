export { toNetworkDescription } from "./describe.ts";
export type {
  ApplicationOrgDescription,
  BatchDescription,
  ConsenterDescription,
  Endpoint,
  NetworkDescription,
  OrgDescription,
} from "./description.ts";
export { type ConfigChange, differences } from "./differences.ts";
export { type ConfigDigest, toConfigHash, toWantedDigest } from "./digest.ts";
export {
  type EnvelopeInput,
  type EnvelopeType,
  type FabricIdentity,
  type ProposalInput,
  type SignBytes,
  type Signing,
  serializedIdentity,
  toSignatureHeader,
  toSignedEnvelope,
  toSignedProposal,
  toTransactionId,
} from "./envelope.ts";
export { checkChannelId, checkDescription, toGenesisBlock } from "./genesis.ts";
export { parsePolicy, toApplicationPolicy } from "./policy.ts";
export type { PolicyOrganisation } from "./policy-check.ts";
export { type ConfigSummary, type ConsenterSummary, type OrgSummary, summarise } from "./summary.ts";
export { toConfigUpdate } from "./update.ts";
export { type ConfigSignature, toConfigSignature, toConfigUpdateEnvelope } from "./update-envelope.ts";
