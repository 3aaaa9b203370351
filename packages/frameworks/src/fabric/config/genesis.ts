import { createHash } from "node:crypto";
import { common } from "@hyperledger/fabric-protos";
import { DomainError } from "@portolan/domain";
import type { NetworkDescription } from "./description.ts";
import { toEnvelope, toHeader, toPayload } from "./envelope.ts";
import { toChannelGroup } from "./groups.ts";

const invalid = (message: string, hint: string): DomainError =>
  new DomainError({ code: "chain.settings_invalid", message, hint });

/** F:common/configtx/validator.go; `.` and `..` can't match. */
const channelIdPattern = /^[a-z][a-z0-9.-]{0,248}$/;

/** Refuses a channel id that Fabric would refuse. Throws `chain.settings_invalid`. */
export const checkChannelId = (channelId: string): void => {
  if (!channelIdPattern.test(channelId))
    throw invalid(
      `"${channelId.slice(0, 64)}" can't be the name of a channel.`,
      "Lower-case letters, digits, dots and hyphens, a letter first, at most 249.",
    );
};

/** Refuses what every orderer would refuse when it joins. Throws `chain.settings_invalid`. */
export const checkDescription = (description: NetworkDescription): void => {
  checkChannelId(description.channelId);
  if (description.organisations.length === 0)
    throw invalid("A channel needs an organisation with peers.", "Name at least one in `organisations`.");
  const least = description.consensus === "bft" ? 4 : 1;
  if (description.consenters.length < least)
    throw invalid(`This consensus needs ${least} orderers or more.`, "Raise `orderers` in the settings.");
  if (description.batch.preferredMaxBytes > description.batch.absoluteMaxBytes)
    throw invalid(
      "A batch's preferred size is larger than its absolute one.",
      "Lower `batch.preferredMaxBytes` or raise `batch.absoluteMaxBytes`.",
    );
};

const toMetadata = (value: Uint8Array): Uint8Array => {
  const metadata = new common.Metadata();
  metadata.setValue(value);
  return metadata.serializeBinary();
};

/** Of a block that is its own last configuration: signatures, last configuration, and three that are empty. */
const toBlockMetadata = (): common.BlockMetadata => {
  const last = new common.LastConfig();
  last.setIndex(0);
  const signed = new common.OrdererBlockMetadata();
  signed.setLastConfig(last);
  const empty = new Uint8Array();
  const metadata = new common.BlockMetadata();
  metadata.setMetadataList([
    toMetadata(signed.serializeBinary()),
    toMetadata(last.serializeBinary()),
    empty,
    empty,
    empty,
  ]);
  return metadata;
};

/** ASN.1 of (number, previous hash, data hash), which is what a block's hash is of (F:protoutil/blockutils.go). */
const toHeaderHash = (number: number, previous: Uint8Array, data: Uint8Array): string => {
  if (number !== 0) throw new RangeError("block 0 only");
  const octets = (bytes: Uint8Array): Uint8Array => Uint8Array.from([0x04, bytes.length, ...bytes]);
  const body = Uint8Array.from([0x02, 0x01, number, ...octets(previous), ...octets(data)]);
  return createHash("sha256")
    .update(Uint8Array.from([0x30, body.length, ...body]))
    .digest("hex");
};

/**
 * Block 0 of a channel: `common.Block` and the hash of its header (hex), the same for the same description, nonce (24
 * bytes) and second. Throws `chain.settings_invalid` for what Fabric would refuse.
 */
export const toGenesisBlock = (
  description: NetworkDescription,
  context: { nonce: Uint8Array; at: Date },
): { block: Uint8Array; hash: string } => {
  checkDescription(description);
  const config = new common.Config();
  config.setSequence(0);
  config.setChannelGroup(toChannelGroup(description));
  const wrapped = new common.ConfigEnvelope();
  wrapped.setConfig(config);
  const header = toHeader({
    type: "config",
    version: 1,
    channelId: description.channelId,
    creator: new Uint8Array(),
    nonce: context.nonce,
    at: new Date(Math.floor(context.at.getTime() / 1_000) * 1_000),
  });
  const envelope = toEnvelope(toPayload(header, wrapped.serializeBinary()));
  const data = new common.BlockData();
  data.setDataList([envelope]);
  const dataHash = createHash("sha256").update(envelope).digest();
  const blockHeader = new common.BlockHeader();
  blockHeader.setNumber(0);
  blockHeader.setDataHash(Uint8Array.from(dataHash));
  const block = new common.Block();
  block.setHeader(blockHeader);
  block.setData(data);
  block.setMetadata(toBlockMetadata());
  return { block: block.serializeBinary(), hash: toHeaderHash(0, new Uint8Array(), dataHash) };
};
