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
export type { ConfigDigest } from "./digest.ts";
export type { EnvelopeInput, EnvelopeType, FabricIdentity, ProposalInput, SignBytes, Signing } from "./envelope.ts";
export { checkChannelId, toGenesisBlock } from "./genesis.ts";
export { parsePolicy, toApplicationPolicy } from "./policy.ts";
export type { PolicyOrganisation } from "./policy-check.ts";
export { type ConfigSummary, type ConsenterSummary, type OrgSummary, summarise } from "./summary.ts";
export { toConfigUpdate } from "./update.ts";
export { type ConfigSignature, toConfigSignature, toConfigUpdateEnvelope } from "./update-envelope.ts";
