import { randomBytes } from "node:crypto";
import { canonicalJson, DomainError, type JsonValue } from "@portolan/domain";
import { z } from "zod";
import type { ActionContext } from "../../framework.ts";
import { broadcast } from "../client/broadcast.ts";
import { readConfigBlock } from "../client/participation.ts";
import { Refusal, toRefusedError } from "../client/refusal.ts";
import {
  type ConfigChange,
  differences,
  type NetworkDescription,
  summarise,
  toConfigSignature,
  toConfigUpdate,
  toConfigUpdateEnvelope,
} from "../config/index.ts";
import type { NodeChannel } from "../facts.ts";
import { lookAtNode } from "../inspect/look-at-node.ts";
import type { InspectedOrganisation } from "../inspection.ts";
import { ordererOrganisation } from "../settings.ts";
import { roles } from "../topology.ts";
import { done, openTurn, type Turn, until } from "./context.ts";

const isObject = (value: unknown): boolean => typeof value === "object" && value !== null;

const configureInput = z.object({
  channel: z.string(),
  change: z.custom<ConfigChange>(isObject),
  description: z.custom<NetworkDescription>(isObject),
});
type Input = z.output<typeof configureInput>;

const callTimeoutMs = 10_000;
const settleMs = 60_000;
const commitMs = 20_000;
const attempts = 4;

interface LocalOrderer {
  node: string;
  found: NodeChannel;
}

/** Names of the region's nodes of a role, of which something runs. */
const running = (context: ActionContext, role: string): string[] =>
  context.access.observations
    .filter(({ state }) => state === "running")
    .flatMap(({ node }) => (node.startsWith(`${role}-`) ? [node] : []));

const orderersOn = async (context: ActionContext, turn: Turn<Input>): Promise<LocalOrderer[]> => {
  const look = async (name: string): Promise<LocalOrderer[]> => {
    const node = { name, role: roles.orderer, ordinal: 0, region: turn.region, ports: [] };
    const found = (await lookAtNode(turn.network, node, turn.signal)).channels?.[turn.input.channel];
    return found === undefined ? [] : [{ node: name, found }];
  };
  return (await Promise.all(running(context, roles.orderer).map(look))).flat();
};

const isLed = ({ found }: LocalOrderer): boolean => found.hasLeader === true;

/** What is waited for between two changes of the consenters. */
interface Rest {
  /** How many there are by the configuration. */
  size: number;
  /** All of them must be heard of; else a leader is enough, because the one that is to go may be dead. */
  isWhole: boolean;
  /** This orderer of the region must have begun to vote. */
  voter?: string;
}

/** Every consenter is heard of, and none is behind: what an orderer says of itself alone proves neither. */
const isAtRest = (orderers: readonly LocalOrderer[], rest: Rest): boolean => {
  const consenters = orderers.filter(({ found }) => found.relation === "consenter" && found.status === "active");
  if (!consenters.some(isLed)) return false;
  if (rest.voter !== undefined && !consenters.some(({ node }) => node === rest.voter)) return false;
  if (!rest.isWhole) return true;
  if (new Set(consenters.map(({ found }) => found.height)).size !== 1) return false;
  // BFT tells nobody how many of them are heard of.
  if (consenters.every(({ found }) => found.clusterSize === undefined)) return true;
  const alive = Math.max(0, ...consenters.map(({ found }) => found.activeNodes ?? 0));
  const isKnown = consenters.some(({ found }) => found.clusterSize === rest.size);
  // One that is alone leads without being told who else is active.
  return isKnown && (rest.size === 1 || alive === rest.size);
};

/** Between two changes of the consenters the channel must be at rest, or it may be left without a quorum. */
const settled = async (context: ActionContext, turn: Turn<Input>, rest: Rest): Promise<void> => {
  const found = await until(turn.signal, settleMs, async () =>
    isAtRest(await orderersOn(context, turn), rest) ? true : undefined,
  );
  if (found === true) return;
  throw new DomainError({
    code: "step.refused",
    message: `The orderers of channel ${turn.input.channel} are not all there, so the set of them is not changed.`,
    hint: "Look at the orderers' health; it is tried again when they are well.",
    retryable: true,
  });
};

/** The orderer of the region that a change adds. */
const newcomer = (context: ActionContext, turn: Turn<Input>): { voter?: string } => {
  const { change } = turn.input;
  if (change.kind !== "consenter.add") return {};
  const voter = running(context, roles.orderer).find((node) => {
    const endpoint = turn.inspection.endpoints[node];
    return endpoint?.host === change.host && endpoint.port === change.port;
  });
  return voter === undefined ? {} : { voter };
};

interface Current {
  block: Uint8Array;
  sequence: number;
  /** How many consenters there are. */
  size: number;
  node: string;
  change: ConfigChange | undefined;
}

const sameChange = (a: ConfigChange, b: ConfigChange): boolean =>
  canonicalJson({ ...a, signers: [] }) === canonicalJson({ ...b, signers: [] });

/** The configuration as an orderer of the region has it, and the change as it would have to be made now. */
const readCurrent = async (context: ActionContext, turn: Turn<Input>): Promise<Current> => {
  const { channel, change, description } = turn.input;
  const options = { timeoutMs: callTimeoutMs, signal: turn.signal };
  for (const { node, found } of await orderersOn(context, turn)) {
    if (found.relation !== "consenter" || found.status !== "active") continue;
    const block = await readConfigBlock(await turn.network.admin(node), channel, options).catch(() => null);
    if (block === null) continue;
    const { sequence, digest } = summarise(block);
    const size = digest.consenters.length;
    return {
      block,
      sequence,
      size,
      node,
      change: differences(digest, description).find((one) => sameChange(one, change)),
    };
  }
  throw new DomainError({
    code: "node.unhealthy",
    message: `No orderer of region ${turn.region} serves channel ${channel}.`,
    retryable: true,
  });
};

const toEnvelope = async (turn: Turn<Input>, update: Uint8Array, signers: readonly string[]): Promise<Uint8Array> => {
  const known = signers
    .map((mspId) => turn.network.memberOf(mspId))
    .filter((member): member is InspectedOrganisation => member !== undefined);
  const signatures = await Promise.all(
    known.map((member) => toConfigSignature({ update, ...turn.network.administrator(member), nonce: randomBytes(24) })),
  );
  return toConfigUpdateEnvelope({
    channelId: turn.input.channel,
    update,
    signatures,
    ...turn.network.administrator(turn.network.organisation(ordererOrganisation)),
    nonce: randomBytes(24),
    at: new Date(),
  });
};

/** Passing troubles of the orderers, after which the same is asked again from the beginning. */
const isPassing = (error: unknown): boolean =>
  error instanceof Refusal &&
  (error.isUnreached ||
    error.status === "SERVICE_UNAVAILABLE" ||
    /no Raft leader|but this message was created for|did not have the expected version|at version/i.test(
      error.message,
    ));

const send = async (context: ActionContext, turn: Turn<Input>, current: Current): Promise<void> => {
  const { channel, description, change } = turn.input;
  const update = toConfigUpdate(current.block, channel, current.change ?? change, description);
  if (update === undefined) return;
  const envelope = await toEnvelope(turn, update, (current.change ?? change).signers);
  const target = await turn.network.ordererTarget(current.node);
  const { clients } = turn.network;
  await broadcast({ clients, target }, envelope, { timeoutMs: callTimeoutMs, signal: turn.signal });
  await until(turn.signal, commitMs, async () =>
    (await readCurrent(context, turn)).sequence > current.sequence ? true : undefined,
  );
};

/** Peers have it too, so that what is seen next is the channel as it is now. */
const whenPeersFollow = async (context: ActionContext, turn: Turn<Input>): Promise<void> => {
  const { channel } = turn.input;
  const orderers = await orderersOn(context, turn);
  const height = Math.max(0, ...orderers.map(({ found }) => found.height));
  await until(turn.signal, 5_000, async () => {
    const look = async (name: string): Promise<boolean> => {
      const node = { name, role: roles.peer, ordinal: 0, region: turn.region, ports: [] };
      const found = (await lookAtNode(turn.network, node, turn.signal)).channels?.[channel];
      return found === undefined || found.height >= height;
    };
    return (await Promise.all(running(context, roles.peer).map(look))).every(Boolean) ? true : undefined;
  });
};

const changesConsenters: ReadonlySet<ConfigChange["kind"]> = new Set([
  "consenter.add",
  "consenter.remove",
  "consenter.refresh",
]);

/**
 * Brings one change into a channel's configuration: asks what the channel says now, has those sign whose word is
 * needed, hands it to an orderer (never by PUT, see `readConfigBlock`) and waits until it stands. A channel that says
 * so already is fine, whoever did it.
 */
export const configureChannel = async (context: ActionContext): Promise<JsonValue> => {
  const turn = openTurn(context, configureInput);
  const { channel, change } = turn.input;
  const touchesConsenters = changesConsenters.has(change.kind);
  const isWhole = change.kind !== "consenter.remove";
  let last: unknown;
  for (let attempt = 0; attempt < attempts; attempt++) {
    const current = await readCurrent(context, turn);
    if (current.change === undefined) {
      if (touchesConsenters) await settled(context, turn, { size: current.size, isWhole, ...newcomer(context, turn) });
      await whenPeersFollow(context, turn);
      return done({ sequence: current.sequence });
    }
    if (touchesConsenters) await settled(context, turn, { size: current.size, isWhole });
    try {
      await send(context, turn, current);
    } catch (error) {
      if (!isPassing(error)) throw toRefusedError(`Channel ${channel} was not changed`, error);
      last = error;
      await until(turn.signal, 500, async () => undefined);
    }
  }
  throw toRefusedError(
    `Channel ${channel} was not changed`,
    last ?? new Refusal("the orderers took the update, and it is not there", "TIMEOUT"),
  );
};
