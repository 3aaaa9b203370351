/** An organisation as a channel's configuration knows it. `name` is the tenant's, `mspId` the key on the channel. */
export interface OrgDescription {
  name: string;
  mspId: string;
  caPem: string;
  tlsCaPem: string;
  /** Its revoked certificates. */
  crlPem?: string;
}

export interface Endpoint {
  host: string;
  port: number;
}

/** An orderer that takes part in consensus. `id` counts from 1 and matters with BFT only. */
export interface ConsenterDescription extends Endpoint {
  id: number;
  mspId: string;
  identityPem: string;
  tlsPem: string;
}

export interface BatchDescription {
  timeoutMs: number;
  maxMessages: number;
  absoluteMaxBytes: number;
  preferredMaxBytes: number;
}

/** `peers` is how many it has, so that a policy which asks for more is refused. */
export interface ApplicationOrgDescription extends OrgDescription {
  peers?: number;
  anchors: Endpoint[];
}

/** All that a channel's configuration is made of. */
export interface NetworkDescription {
  channelId: string;
  consensus: "raft" | "bft";
  /** `endpoints` as `host:port`: where clients and peers find the orderers. */
  ordererOrg: OrgDescription & { endpoints: string[] };
  consenters: ConsenterDescription[];
  organisations: ApplicationOrgDescription[];
  batch: BatchDescription;
  /** Texts in Fabric's policy language. */
  policies: { endorsement: string; lifecycle: string };
}
