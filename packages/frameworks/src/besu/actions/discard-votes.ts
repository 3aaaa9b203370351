import { DomainError, type JsonValue } from "@portolan/domain";
import { z } from "zod";
import type { ActionContext } from "../../framework.ts";
import { addressShape, resultOf } from "../node-rpc.ts";
import { type ActionClock, openTurn, orSilent } from "./context.ts";

const discardInput = z.object({ votes: z.array(z.object({ node: z.string(), address: addressShape })).min(1) });

/** Takes votes back that are settled, or nobody's wish any more. */
export const discardVotes =
  (clock: ActionClock) =>
  async (context: ActionContext): Promise<JsonValue> => {
    const turn = openTurn(context, discardInput, clock);
    const missed: string[] = [];
    for (const { node, address } of turn.input.votes) {
      const isDone = await orSilent(turn, async () => {
        const [said] = await turn.ask(node, [{ method: "qbft_discardValidatorVote", params: [address] }]);
        resultOf(said);
        return true;
      });
      if (isDone !== true) missed.push(node);
    }
    if (missed.length === 0) return { votes: turn.input.votes.length };
    throw new DomainError({
      code: "node.unhealthy",
      message: `${missed.join(", ")} did not take a vote back.`,
      hint: "It is tried again; the node's logs name the cause.",
      retryable: true,
    });
  };
