import { DomainError, type NodeSpec, type Step } from "@portolan/domain";
import { byRegion } from "../../nodes-by-region.ts";
import { shortHash } from "../../short-hash.ts";
import { bftQuorum } from "../config/consensus.ts";
import {
  type ConfigChange,
  type ConfigDigest,
  differences,
  type NetworkDescription,
  toNetworkDescription,
} from "../config/index.ts";
import { channelsOfNode } from "../facts.ts";
import { materialNames, newest } from "../names.ts";
import type { ChannelSettings, Part } from "../parts.ts";
import { readSettings } from "../settings.ts";
import { peersOf, roles } from "../topology.ts";
import { listed, type Scene, toStep } from "./scene.ts";

const joinTimeoutMs = 90_000;
const configTimeoutMs = 180_000;

const genesisOf = (scene: Scene, channel: string): string | undefined => {
  const found = newest(scene.material, materialNames.genesis(channel))?.public;
  const block = typeof found === "object" && found !== null && "block" in found ? found.block : undefined;
  return typeof block === "string" ? block : undefined;
};

/** Regions with an orderer that is wanted and serves the channel: others have none that could be asked for it. */
const servingRegions = (scene: Scene, channel: string): string[] =>
  scene.nodes.flatMap(({ name, role, region }) => {
    const found = role === roles.orderer ? channelsOfNode(scene.view, name)[channel] : undefined;
    return found?.relation === "consenter" && found.status === "active" ? [region] : [];
  });

/** The configuration as last read in any region. */
export const newestConfig = (
  scene: Scene,
  channel: string,
): { sequence: number; digest: ConfigDigest; region: string } | undefined =>
  Object.entries(scene.facts)
    .flatMap(([region, facts]) => {
      const found = facts.configs[channel];
      return found === undefined ? [] : [{ sequence: found.sequence, digest: found.digest, region }];
    })
    .sort((a, b) => b.sequence - a.sequence)[0];

const isConsenterChange = (kind: ConfigChange["kind"]): boolean =>
  kind === "consenter.remove" || kind === "consenter.add";

/**
 * As `differences`, but consenters go before others come: a node that is not wanted any more is gone already when this
 * is seen, and a set that grows while one of it is dead may lose its quorum (the orderers refuse it).
 */
export const orderedChanges = (digest: ConfigDigest, description: NetworkDescription): ConfigChange[] => {
  const changes = differences(digest, description);
  const of = (kind: ConfigChange["kind"]): ConfigChange[] => changes.filter((change) => change.kind === kind);
  const first = changes.findIndex(({ kind }) => isConsenterChange(kind));
  if (first < 0) return changes;
  const rest = changes.slice(first).filter(({ kind }) => !isConsenterChange(kind));
  return [...changes.slice(0, first), ...of("consenter.remove"), ...of("consenter.add"), ...rest];
};

/** How many of `size` must be there: a majority, or with BFT what two such sets share an honest one of. */
export const quorumOf = (consensus: string, size: number): number =>
  consensus === "bft" ? bftQuorum(size) : Math.floor(size / 2) + 1;

/** Throws before any node goes: a channel that lost its quorum can't be changed any more, not even to mend it. */
const checkQuorum = (channel: string, digest: ConfigDigest, changes: readonly ConfigChange[]): void => {
  const size = digest.consenters.length;
  const left = size - changes.filter(({ kind }) => kind === "consenter.remove").length;
  const needed = quorumOf(digest.consensus, size);
  if (left >= needed) return;
  throw new DomainError({
    code: "chain.settings_invalid",
    message: `Channel ${channel} has ${size} orderers and needs ${needed} of them to agree; ${left} would be left.`,
    hint: "Take fewer orderers out at a time.",
  });
};

const titles: { readonly [kind in ConfigChange["kind"]]: (change: ConfigChange, channel: string) => string } = {
  "organisation.add": (change, channel) => `Take ${subject(change)} into channel ${channel}`,
  "organisation.remove": (change, channel) => `Take ${subject(change)} off channel ${channel}`,
  "organisation.msp": (change, channel) =>
    `Write ${subject(change)}'s certificates and revocations into channel ${channel}`,
  anchors: (change, channel) => `Name ${subject(change)}'s anchor peers on channel ${channel}`,
  "consenter.add": (change, channel) => `Let the orderer at ${subject(change)} vote on channel ${channel}`,
  "consenter.remove": (change, channel) => `Take the orderer at ${subject(change)} off channel ${channel}`,
  "consenter.refresh": (change, channel) => `Renew the orderer at ${subject(change)} on channel ${channel}`,
  endpoints: (_, channel) => `Tell channel ${channel} where its orderers are`,
  batch: (_, channel) => `Change how channel ${channel} cuts blocks`,
  policies: (_, channel) => `Change channel ${channel}'s policies`,
};

const subject = (change: ConfigChange): string => {
  if ("mspId" in change) return change.mspId;
  return "host" in change ? `${change.host}:${change.port}` : "";
};

const joinOrderers = (scene: Scene, part: Part<ChannelSettings>, genesis: string): Step[] => {
  const orderers = scene.nodes.filter(({ role }) => role === roles.orderer);
  const missing = orderers.filter(({ name }) => channelsOfNode(scene.view, name)[part.name] === undefined);
  const isFirst = newestConfig(scene, part.name) === undefined && missing.length === orderers.length;
  return byRegion(missing).map(([region, nodes]) =>
    toStep({
      key: `channel/${part.name}/orderers/${shortHash([nodes, isFirst])}`,
      action: "channel.joinOrderers",
      title: isFirst
        ? `Make channel ${part.name} on ${listed(nodes)}`
        : `Let ${listed(nodes)} follow channel ${part.name}`,
      region,
      input: { channel: part.name, genesis, nodes, isFirst, isWhole: isFirst && nodes.length === orderers.length },
      part: part.id,
      timeoutMs: joinTimeoutMs,
      after: [],
    }),
  );
};

const configure = (scene: Scene, part: Part<ChannelSettings>, before: readonly Step[]): Step[] => {
  const config = newestConfig(scene, part.name);
  if (config === undefined) return [];
  const description = toNetworkDescription(scene.spec, scene.material, scene.addresses, part);
  const changes = orderedChanges(config.digest, description);
  checkQuorum(part.name, config.digest, changes);
  const serving = servingRegions(scene, part.name);
  // What was read in a region is remembered there, also when its last orderer is gone since.
  const region = serving.includes(config.region) ? config.region : (serving[0] ?? config.region);
  const steps: Step[] = [];
  for (const change of changes)
    steps.push(
      toStep({
        key: `channel/${part.name}/config/${change.kind}/${shortHash([change, description, config.sequence])}`,
        action: "channel.configure",
        title: titles[change.kind](change, part.name),
        region,
        input: { channel: part.name, change, description },
        part: part.id,
        timeoutMs: configTimeoutMs,
        after: [...before, ...steps],
      }),
    );
  return steps;
};

const joinPeers = (scene: Scene, part: Part<ChannelSettings>, genesis: string, before: readonly Step[]): Step[] => {
  const members = readSettings(scene.spec.settings).organisations.filter(
    ({ name }) => part.settings.organisations?.includes(name) ?? true,
  );
  const wanted = new Set(members.flatMap((organisation) => peersOf(organisation)));
  const missing = scene.nodes.filter(
    ({ name }: NodeSpec) => wanted.has(name) && channelsOfNode(scene.view, name)[part.name] === undefined,
  );
  return byRegion(missing).map(([region, nodes]) =>
    toStep({
      key: `channel/${part.name}/peers/${shortHash(nodes)}`,
      action: "channel.joinPeers",
      title: `Let ${listed(nodes)} join channel ${part.name}`,
      region,
      input: { channel: part.name, genesis, nodes },
      part: part.id,
      timeoutMs: joinTimeoutMs,
      after: before,
    }),
  );
};

/** Orderers join, then the configuration is brought to what is wished one update at a time, then peers join. */
export const channelSteps = (scene: Scene, part: Part<ChannelSettings>): Step[] => {
  const genesis = genesisOf(scene, part.name);
  if (genesis === undefined) return [];
  const joined = joinOrderers(scene, part, genesis);
  const configured = configure(scene, part, joined);
  return [...joined, ...configured, ...joinPeers(scene, part, genesis, [...joined, ...configured])];
};
