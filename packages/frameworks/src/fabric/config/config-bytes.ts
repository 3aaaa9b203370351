import { common } from "@hyperledger/fabric-protos";
import { DomainError } from "@portolan/domain";

/** A channel's configuration as it was read; `channelId` where it came in a block. */
export interface OpenConfig {
  channelId?: string;
  config: common.Config;
}

const unreadable = (detail: string, cause?: unknown): DomainError =>
  new DomainError({
    code: "step.failed",
    message: "A channel's configuration could not be read.",
    detail,
    ...(cause === undefined ? {} : { cause }),
  });

const fromBlock = (bytes: Uint8Array): OpenConfig => {
  const [data, ...others] = common.Block.deserializeBinary(bytes).getData()?.getDataList_asU8() ?? [];
  if (data === undefined || others.length > 0) throw unreadable("not a block with one entry");
  const payload = common.Payload.deserializeBinary(common.Envelope.deserializeBinary(data).getPayload_asU8());
  const header = payload.getHeader()?.getChannelHeader_asU8() ?? new Uint8Array();
  const channel = common.ChannelHeader.deserializeBinary(header);
  if (channel.getType() !== common.HeaderType.CONFIG) throw unreadable("not a configuration block");
  const config = common.ConfigEnvelope.deserializeBinary(payload.getData_asU8()).getConfig();
  if (config === undefined) throw unreadable("a configuration block without configuration");
  return { channelId: channel.getChannelId(), config };
};

/**
 * Opens a configuration block or a bare `common.Config`, told apart by the first byte: a block starts with its header
 * (field 1, a message), a configuration with its sequence (field 1, a number) or, at 0, with field 2. Throws
 * `step.failed` for anything else.
 */
export const openConfig = (bytes: Uint8Array): OpenConfig => {
  try {
    const open = bytes[0] === 0x0a ? fromBlock(bytes) : { config: common.Config.deserializeBinary(bytes) };
    if (open.config.getChannelGroup() === undefined) throw unreadable("no channel group");
    return open;
  } catch (error) {
    if (error instanceof DomainError) throw error;
    throw unreadable("not a message of that kind", error);
  }
};

/** The group at a path below the channel's, e.g. `Orderer`, `OrdererMSP`. Throws `step.failed` where there is none. */
export const groupAt = (channel: common.ConfigGroup, ...path: readonly string[]): common.ConfigGroup => {
  let group = channel;
  for (const key of path) {
    const child = group.getGroupsMap().get(key);
    if (child === undefined) throw unreadable(`no group ${path.join("/")}`);
    group = child;
  }
  return group;
};

/** A value's bytes; empty where there is none, which reads as a message of defaults. */
export const valueAt = (group: common.ConfigGroup, key: string): Uint8Array =>
  group.getValuesMap().get(key)?.getValue_asU8() ?? new Uint8Array();
