import { DomainError, type JsonValue } from "@portolan/domain";
import { z } from "zod";
import type { ActionContext } from "../../framework.ts";
import type { ChaincodeWish } from "../chaincode-wish.ts";
import { submitTransaction } from "../client/peer-gateway.ts";
import { Refusal, toRefusedError } from "../client/refusal.ts";
import { askRelay, type RelayStatus } from "../client/relay-status.ts";
import { probeChaincode } from "../inspect/ask-chaincode.ts";
import { done, openTurn, speakerOf, type Turn, until, whenReady, wishOf } from "./context.ts";

const submitTimeoutMs = 45_000;
const probeTimeoutMs = 15_000;
/** A chaincode that was started together with its chain is there by then; another one is asked again later. */
const patienceMs = 3_000;

const isSilent = (message: string): boolean =>
  /could not launch chaincode|connection to .* failed|error creating grpc connection|failed to start|connection refused/i.test(
    message,
  );

/** What the node in the server's place knows of it; nothing where that is in another region, or there is none. */
const relayProblem = async (turn: Turn<unknown>, wish: ChaincodeWish): Promise<RelayStatus["problem"]> => {
  if (wish.relay === undefined) return null;
  try {
    return (await askRelay(await turn.network.operations(wish.relay), turn.signal))?.problem ?? null;
  } catch {
    return null;
  }
};

const unreachable = async (turn: Turn<unknown>, wish: ChaincodeWish, message: string): Promise<DomainError> => {
  const problem = await relayProblem(turn, wish);
  const said = problem === null ? message.slice(0, 500) : `${wish.address}: ${problem.message}`;
  return new DomainError({
    code: problem?.code ?? "chaincode.unreachable",
    message: `Peers don't reach chaincode ${wish.name}: ${said}`,
    hint: `A chaincode server must listen at ${wish.address}, with the chaincode id ${wish.packageId}.`,
    retryable: true,
  });
};

const initInput = z.object({
  channel: z.string(),
  name: z.string(),
  function: z.string(),
  args: z.array(z.string()),
});

/** Calls a chaincode's initialisation, which is let through once for each version. */
export const init = async (context: ActionContext): Promise<JsonValue> => {
  const turn = openTurn(context, initInput);
  const wish = wishOf(turn);
  const peer = await speakerOf(turn, wish.hosts[0] ?? "");
  await whenReady(turn, peer, "peer");
  const submission = {
    channelId: wish.channel,
    chaincode: wish.name,
    args: [turn.input.function, ...turn.input.args],
    isInit: true,
    endorsingOrganisations: [],
  };
  try {
    const session = await turn.network.peer(peer);
    const { transactionId } = await submitTransaction(session, submission, {
      timeoutMs: submitTimeoutMs,
      signal: turn.signal,
    });
    return done({ transactionId });
  } catch (error) {
    if (error instanceof Refusal && error.message.includes("is already initialized but called as init"))
      return done({ transactionId: null });
    if (error instanceof Refusal && isSilent(error.message)) throw await unreachable(turn, wish, error.message);
    throw toRefusedError(`Chaincode ${wish.name} was not initialised`, error);
  }
};

const reachInput = z.object({ channel: z.string(), name: z.string(), nodes: z.array(z.string()) });

/** Calls a chaincode from peers, without ordering anything, until it answers. */
export const reach = async (context: ActionContext): Promise<JsonValue> => {
  const turn = openTurn(context, reachInput);
  const wish = wishOf(turn);
  const one = async (node: string): Promise<void> => {
    await whenReady(turn, node, "peer");
    let problem = "no answer";
    const answered = await until(turn.signal, patienceMs, async () => {
      const found = await probeChaincode(turn.network, node, wish, { timeoutMs: probeTimeoutMs, signal: turn.signal });
      if (found.kind !== "silent") return true;
      problem = found.problem;
      return undefined;
    });
    if (answered !== true) throw await unreachable(turn, wish, `${node}: ${problem}`);
  };
  await Promise.all(turn.input.nodes.map(one));
  return done({ nodes: turn.input.nodes });
};
