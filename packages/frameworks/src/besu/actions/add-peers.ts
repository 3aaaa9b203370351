import { DomainError, type JsonValue } from "@portolan/domain";
import { z } from "zod";
import type { ActionContext } from "../../framework.ts";
import { toConnected } from "../inspect/look-at-node.ts";
import { type ActionClock, openTurn, orSilent, type Turn, until } from "./context.ts";

const peersInput = z.object({ links: z.array(z.object({ node: z.string(), others: z.array(z.string()) })).min(1) });

type PeersTurn = Turn<z.output<typeof peersInput>>;

/** Names of those that the node is not connected to. */
const missingOf = async (turn: PeersTurn, node: string, others: readonly string[]): Promise<string[]> => {
  const [said] = await turn.ask(node, [{ method: "admin_peers" }]);
  if (said === undefined || "error" in said) return [...others];
  const connected = toConnected(said.result);
  return others.filter((other) => {
    const key = turn.inspection.nodes[other]?.enodeKey.toLowerCase();
    // One that the chain does not have any more is nobody's neighbour.
    return key !== undefined && !connected.includes(key);
  });
};

const connect = async (turn: PeersTurn, node: string, others: readonly string[]): Promise<string[]> => {
  const missing = await missingOf(turn, node, others);
  const calls = missing.flatMap((other) => {
    const enode = turn.inspection.nodes[other]?.enode;
    return enode === undefined ? [] : [{ method: "admin_addPeer", params: [enode] }];
  });
  if (calls.length > 0) await turn.ask(node, calls);
  return missing;
};

/** Tells nodes that run of those that they are not connected to, and waits until they are. */
export const addPeers =
  (clock: ActionClock) =>
  async (context: ActionContext): Promise<JsonValue> => {
    const turn = openTurn(context, peersInput, clock);
    let apart: string[] = [];
    const isDone = await until(turn, async () => {
      const missing = await Promise.all(
        turn.input.links.map(async ({ node, others }) => {
          const found = await orSilent(turn, () => connect(turn, node, others));
          return (found ?? others).map((other) => `${node} to ${other}`);
        }),
      );
      apart = missing.flat();
      return apart.length === 0 ? true : undefined;
    });
    if (isDone === true) return { links: turn.input.links.length };
    throw new DomainError({
      code: "step.failed",
      message: `There is no connection from ${apart.join(", ")}.`,
      hint: "It is tried again. Nodes of one chain must reach each other at their p2p ports, also those of other regions.",
      retryable: true,
    });
  };
