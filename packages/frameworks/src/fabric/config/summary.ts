import { common, msp, orderer, peer } from "@hyperledger/fabric-protos";
import { AsnConvert } from "@peculiar/asn1-schema";
import { CertificateList } from "@peculiar/asn1-x509";
import { fromPem } from "../crypto/index.ts";
import { groupAt, openConfig, valueAt } from "./config-bytes.ts";
import type { BatchDescription, Endpoint } from "./description.ts";
import { type ConfigDigest, digestOf, toConfigHash } from "./digest.ts";
import { toMilliseconds } from "./go-duration.ts";
import { keys } from "./groups.ts";
import { mapEntries } from "./map-entries.ts";
import { renderPolicy } from "./policy-render.ts";

export interface OrgSummary {
  /** The key of its group; by us always the MSP id. */
  name: string;
  mspId: string;
  caPem: string;
  tlsCaPem: string;
  crlPem?: string;
  /** Hexadecimal, of certificates that were revoked. */
  crlSerials: string[];
}

export interface ConsenterSummary extends Endpoint {
  /** With BFT only, as are MSP id and identity. */
  id: number | null;
  mspId: string | null;
  tlsPem: string;
  identityPem: string | null;
}

/** What a channel's configuration says. */
export interface ConfigSummary {
  channelId?: string;
  /** Grows by one with each update. */
  sequence: number;
  consensus: string;
  state: "normal" | "maintenance";
  consenters: ConsenterSummary[];
  ordererOrg: OrgSummary & { endpoints: string[] };
  organisations: (OrgSummary & { anchors: Endpoint[] })[];
  endpoints: string[];
  batch: BatchDescription;
  policies: { endorsement: string; lifecycle: string };
  digest: ConfigDigest;
  /** Of what Portolan decides; tells whether that changed. What is left to do says `differences`. */
  configHash: string;
}

const text = (bytes: Uint8Array | undefined): string => (bytes === undefined ? "" : new TextDecoder().decode(bytes));

const toSerials = (crlPem: string): string[] => {
  const der = fromPem(crlPem, "X509 CRL");
  if (der === undefined) return [];
  try {
    const list = AsnConvert.parse(der, CertificateList);
    return (list.tbsCertList.revokedCertificates ?? []).map(({ userCertificate }) =>
      Buffer.from(userCertificate).toString("hex"),
    );
  } catch {
    return [];
  }
};

const readOrganisation = (name: string, group: common.ConfigGroup): OrgSummary => {
  const outer = msp.MSPConfig.deserializeBinary(valueAt(group, keys.msp));
  const config = msp.FabricMSPConfig.deserializeBinary(outer.getConfig_asU8());
  const [crl] = config.getRevocationListList_asU8();
  const crlPem = crl === undefined ? undefined : text(crl);
  return {
    name,
    mspId: config.getName(),
    caPem: text(config.getRootCertsList_asU8()[0]),
    tlsCaPem: text(config.getTlsRootCertsList_asU8()[0]),
    ...(crlPem === undefined ? {} : { crlPem }),
    crlSerials: crlPem === undefined ? [] : toSerials(crlPem),
  };
};

const readEndpoints = (group: common.ConfigGroup): string[] =>
  common.OrdererAddresses.deserializeBinary(valueAt(group, keys.endpoints)).getAddressesList();

const readAnchors = (group: common.ConfigGroup): Endpoint[] =>
  peer.AnchorPeers.deserializeBinary(valueAt(group, keys.anchors))
    .getAnchorPeersList()
    .map((anchor) => ({ host: anchor.getHost(), port: anchor.getPort() }));

const readConsenters = (group: common.ConfigGroup, type: orderer.ConsensusType): ConsenterSummary[] => {
  if (type.getType() === "BFT")
    return common.Orderers.deserializeBinary(valueAt(group, keys.consenters))
      .getConsenterMappingList()
      .map((consenter) => ({
        id: consenter.getId(),
        host: consenter.getHost(),
        port: consenter.getPort(),
        mspId: consenter.getMspId(),
        tlsPem: text(consenter.getServerTlsCert_asU8()),
        identityPem: text(consenter.getIdentity_asU8()),
      }));
  return orderer.etcdraft.ConfigMetadata.deserializeBinary(type.getMetadata_asU8())
    .getConsentersList()
    .map((consenter) => ({
      id: null,
      host: consenter.getHost(),
      port: consenter.getPort(),
      mspId: null,
      tlsPem: text(consenter.getServerTlsCert_asU8()),
      identityPem: null,
    }));
};

const readBatch = (group: common.ConfigGroup): BatchDescription => {
  const size = orderer.BatchSize.deserializeBinary(valueAt(group, keys.batchSize));
  return {
    timeoutMs: toMilliseconds(orderer.BatchTimeout.deserializeBinary(valueAt(group, keys.batchTimeout)).getTimeout()),
    maxMessages: size.getMaxMessageCount(),
    absoluteMaxBytes: size.getAbsoluteMaxBytes(),
    preferredMaxBytes: size.getPreferredMaxBytes(),
  };
};

const readOrdererOrg = (group: common.ConfigGroup): ConfigSummary["ordererOrg"] => {
  const [first] = mapEntries(group.getGroupsMap());
  const [name, child] = first ?? ["", new common.ConfigGroup()];
  return { ...readOrganisation(name, child), endpoints: readEndpoints(child) };
};

const consensusNames: { readonly [type: string]: string } = { etcdraft: "raft", BFT: "bft" };

/** Reads a configuration block or a bare `common.Config`. Throws `step.failed` for what is neither. */
export const summarise = (bytes: Uint8Array): ConfigSummary => {
  const { channelId, config } = openConfig(bytes);
  const channel = config.getChannelGroup() ?? new common.ConfigGroup();
  const ordering = groupAt(channel, keys.orderer);
  const application = groupAt(channel, keys.application);
  const type = orderer.ConsensusType.deserializeBinary(valueAt(ordering, keys.consensus));
  const policy = (key: string) => renderPolicy(application.getPoliciesMap().get(key)?.getPolicy());
  const ordererOrg = readOrdererOrg(ordering);
  const facts = {
    consensus: consensusNames[type.getType()] ?? type.getType(),
    consenters: readConsenters(ordering, type),
    ordererOrg,
    organisations: mapEntries(application.getGroupsMap()).map(([name, group]) => ({
      ...readOrganisation(name, group),
      anchors: readAnchors(group),
    })),
    batch: readBatch(ordering),
    policies: { endorsement: policy(keys.endorsement), lifecycle: policy(keys.lifecycle) },
  };
  const digest = digestOf(facts);
  return {
    ...(channelId === undefined ? {} : { channelId }),
    sequence: config.getSequence(),
    state: type.getState() === orderer.ConsensusType.State.STATE_MAINTENANCE ? "maintenance" : "normal",
    endpoints: ordererOrg.endpoints,
    ...facts,
    digest,
    configHash: toConfigHash(digest),
  };
};
