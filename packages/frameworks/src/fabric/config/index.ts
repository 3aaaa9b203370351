export { toNetworkDescription } from "./describe.ts";
export type {
  ApplicationOrgDescription,
  BatchDescription,
  ConsenterDescription,
  Endpoint,
  NetworkDescription,
  OrgDescription,
} from "./description.ts";
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
