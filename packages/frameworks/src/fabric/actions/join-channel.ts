import { DomainError, type JsonValue } from "@portolan/domain";
import { z } from "zod";
import type { ActionContext } from "../../framework.ts";
import { joinPeer } from "../client/endorser.ts";
import { joinChannel, readChannel, readConfigBlock } from "../client/participation.ts";
import { toRefusedError } from "../client/refusal.ts";
import { lookAtNode } from "../inspect/look-at-node.ts";
import { roles } from "../topology.ts";
import { done, insist, openTurn, type Turn, until, whenReady } from "./context.ts";

const callTimeoutMs = 10_000;
const insistMs = 15_000;

const block = z.string().transform((text) => new Uint8Array(Buffer.from(text, "base64")));

const orderersInput = z.object({
  channel: z.string(),
  genesis: block,
  nodes: z.array(z.string()),
  /** No orderer has it yet. */
  isFirst: z.boolean(),
  /** All of the channel's orderers join here and now. */
  isWhole: z.boolean(),
});
type OrderersInput = z.output<typeof orderersInput>;

/** The orderers of the region that are not about to join. */
const othersOf = (context: ActionContext, nodes: readonly string[]): string[] =>
  context.access.observations
    .map(({ node }) => node)
    .filter((name) => name.startsWith(`${roles.orderer}-`) && !nodes.includes(name));

/** The newest configuration that another orderer of the region has: with it a newcomer finds today's orderers. */
const newestBlock = async (turn: Turn<OrderersInput>, others: readonly string[]): Promise<Uint8Array> => {
  for (const node of others) {
    try {
      const options = { timeoutMs: callTimeoutMs, signal: turn.signal };
      const found = await readConfigBlock(await turn.network.admin(node), turn.input.channel, options);
      if (found !== null) return found;
    } catch {
      // The next one, and at last the channel's own beginning.
    }
  }
  return turn.input.genesis;
};

const joinOrderer = async (turn: Turn<OrderersInput>, node: string, bytes: Uint8Array): Promise<void> => {
  const { channel } = turn.input;
  const options = { timeoutMs: callTimeoutMs, signal: turn.signal };
  await whenReady(turn, node, "orderer");
  const target = await turn.network.admin(node);
  try {
    await insist(turn.signal, insistMs, () => joinChannel(target, bytes, options));
  } catch (error) {
    throw toRefusedError(`${node} did not join channel ${channel}`, error);
  }
  const active = await until(turn.signal, 60_000, async () => {
    const found = await readChannel(target, channel, options).catch(() => null);
    return found?.status === "active" ? true : undefined;
  });
  if (active === true) return;
  throw new DomainError({
    code: "step.refused",
    message: `${node} has joined channel ${channel} and does not get its blocks.`,
    hint: "It is tried again; the node's logs name the cause.",
    retryable: true,
  });
};

/** Transactions are refused until the orderers have found a leader among them. */
const whenLed = async (turn: Turn<OrderersInput>): Promise<void> => {
  const { nodes, channel } = turn.input;
  const isLed = async (name: string): Promise<boolean> => {
    const node = { name, role: roles.orderer, ordinal: 0, region: turn.region, ports: [] };
    return (await lookAtNode(turn.network, node, turn.signal)).channels?.[channel]?.hasLeader === true;
  };
  const led = await until(turn.signal, 30_000, async () =>
    (await Promise.all(nodes.map(isLed))).includes(true) ? true : undefined,
  );
  if (led === true) return;
  throw new DomainError({
    code: "step.refused",
    message: `The orderers of channel ${channel} have not found a leader.`,
    hint: "It is tried again; the orderers' logs name the cause.",
    retryable: true,
  });
};

/** Orderers join a channel: by its genesis when they are the first, else by its newest configuration. */
export const joinOrderers = async (context: ActionContext): Promise<JsonValue> => {
  const turn = openTurn(context, orderersInput);
  const { nodes, isFirst, isWhole, genesis } = turn.input;
  const bytes = isFirst ? genesis : await newestBlock(turn, othersOf(context, nodes));
  await Promise.all(nodes.map((node) => joinOrderer(turn, node, bytes)));
  if (isWhole) await whenLed(turn);
  return done({ nodes });
};

const peersInput = z.object({ channel: z.string(), genesis: block, nodes: z.array(z.string()) });

/** Peers join a channel by its genesis and get the rest from the orderers. */
export const joinPeers = async (context: ActionContext): Promise<JsonValue> => {
  const turn = openTurn(context, peersInput);
  const { nodes, channel, genesis } = turn.input;
  const options = { timeoutMs: callTimeoutMs, signal: turn.signal };
  const one = async (node: string): Promise<void> => {
    await whenReady(turn, node, "peer");
    const session = await turn.network.peer(node);
    try {
      await insist(turn.signal, insistMs, () => joinPeer(session, genesis, options));
    } catch (error) {
      throw toRefusedError(`${node} did not join channel ${channel}`, error);
    }
  };
  await Promise.all(nodes.map(one));
  return done({ nodes });
};
