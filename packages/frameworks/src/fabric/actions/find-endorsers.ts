import { DomainError, type JsonValue } from "@portolan/domain";
import { z } from "zod";
import type { ActionContext } from "../../framework.ts";
import { askForPlan, toPlanQuestion } from "../client/discovery.ts";
import { Refusal, toRefusedError } from "../client/refusal.ts";
import { done, openTurn, until, whenReady, wishOf } from "./context.ts";

const askTimeoutMs = 10_000;
/** Peers tell each other twice a second what they have; one that was only just started is heard of within seconds. */
const patienceMs = 45_000;
const everyMs = 50;

const findInput = z.object({ channel: z.string(), name: z.string(), nodes: z.array(z.string()) });

/**
 * Waits until the gateway of each peer could tell which peers endorse a chaincode: until then it refuses what an
 * application submits there. Signs one question for each peer, which is asked until it is answered.
 */
export const find = async (context: ActionContext): Promise<JsonValue> => {
  const turn = openTurn(context, findInput);
  const wish = wishOf(turn);
  const one = async (node: string): Promise<void> => {
    await whenReady(turn, node, "peer");
    const session = await turn.network.peer(node);
    const question = await toPlanQuestion(session, wish);
    let problem: unknown = new Refusal("no answer", "UNAVAILABLE", true);
    const ask = async (): Promise<true | undefined> => {
      try {
        const plan = await askForPlan(session, question, { timeoutMs: askTimeoutMs, signal: turn.signal });
        if (plan.kind === "planned") return true;
        problem = new DomainError({
          code: "step.refused",
          message: `${node} does not know of enough peers yet that endorse chaincode ${wish.name}: ${plan.problem}`,
          hint: "Peers of the organisations that its policy asks for must be well, and have it. It is tried again.",
          retryable: true,
        });
      } catch (error) {
        if (!(error instanceof Refusal) || turn.signal.aborted) throw error;
        problem = error;
      }
      return undefined;
    };
    if ((await until(turn.signal, patienceMs, ask, everyMs)) === true) return;
    throw toRefusedError(`${node} could not be asked who endorses chaincode ${wish.name}`, problem);
  };
  await Promise.all(turn.input.nodes.map(one));
  return done({ nodes: turn.input.nodes });
};
